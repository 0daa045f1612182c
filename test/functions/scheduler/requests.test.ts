// What becomes of a request before its Call is judged: statuses in the order of the contract, both encodings.
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { basicAuthentication, SCHEDULER_REALM } from '../../../functions/http/authentication.ts'
import { encodeMessage } from '../../../protocol/codec.ts'
import type { SchedulerCall } from '../../../protocol/messages.ts'
import { startWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(async () => await world.close())

const JSON_TYPE = { 'content-type': 'application/json' }
const PROTOBUF_TYPE = { 'content-type': 'application/x-protobuf' }
const DECLINE: SchedulerCall = { type: 'DECLINE', framework_id: { value: 'f' }, decline: { offer_ids: [] } }

async function post(
  body: string | Uint8Array<ArrayBuffer>,
  headers: Readonly<Record<string, string>> = JSON_TYPE,
  url = world.url,
): Promise<{ status: number; text: string; headers: Headers }> {
  const response = await fetch(url, { method: 'POST', headers, body })
  return { status: response.status, text: await response.text(), headers: response.headers }
}

const protobuf = (call: SchedulerCall) =>
  new Uint8Array(encodeMessage('mesos.v1.scheduler.Call', 'application/x-protobuf', call))

describe('the request', () => {
  test('C1 with and without /master', async () => {
    const master = world.url.replace('/api', '/master/api')
    const [plain, prefixed] = await Promise.all([post('{}'), post('{}', JSON_TYPE, master)])
    expect(prefixed.status).toBe(400)
    expect(prefixed.text).toBe(plain.text)
  })

  test('C2 any other method is 405 with Allow: POST', async () => {
    for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS']) {
      const response = await fetch(world.url, { method })
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST'])
    }
  })

  test('C3 no Content-Type is 400, another one 415', async () => {
    expect((await post(new Uint8Array(Buffer.from('{}')), {})).status).toBe(400)
    expect((await post('{}', { 'content-type': 'text/plain' })).status).toBe(415)
    expect((await post('{}', { 'content-type': 'application/json; charset=utf-8' })).status).toBe(400)
  })

  test.each(['', '{', '[1]', '"x"', '{} x', 'null'])('C4 a body %j is 400 in plain text', async (body) => {
    const answer = await post(body)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([400, 'text/plain; charset=utf-8'])
  })

  test('C5 protobuf that does not parse is 400', async () => {
    expect((await post(new Uint8Array([0xff, 0xff, 0xff]), PROTOBUF_TYPE)).status).toBe(400)
  })

  test('C15 C16 a numeric enum is 400; an unknown name reads as absent', async () => {
    const numeric = await post('{"type":3,"framework_id":{"value":"f"}}')
    expect(numeric.status).toBe(400)
    expect(numeric.text).toContain('type')
    const unknown = await post('{"type":"NONSENSE","framework_id":{"value":"f"}}')
    expect(unknown.text).toMatch(/^Failed to validate scheduler::Call: .*'type'/)
  })

  test('C16 an unknown name of a required enum is 400', async () => {
    const resource = '{"name":"cpus","type":"NONSENSE"}'
    const launch = `{"type":"LAUNCH","launch":{"task_infos":[{"name":"t","task_id":{"value":"t"},"agent_id":{"value":"a"},"resources":[${resource}]}]}}`
    const answer = await post(
      `{"type":"ACCEPT","framework_id":{"value":"f"},"accept":{"operations":[${launch}]}}`,
    )
    expect([answer.status, /Failed to read/.test(answer.text)]).toEqual([400, true])
  })

  test('C13 C14 unknown fields and nulls change nothing', async () => {
    const body =
      '{"type":"DECLINE","framework_id":{"value":"f","x":1},"y":[{}],"decline":{"offer_ids":[],"filters":null}}'
    expect(await post(body).then(({ status, text }) => [status, text])).toEqual([
      400,
      'Framework cannot be found',
    ])
  })

  test('C17 bad base64 and a uuid of another length are 400', async () => {
    const call = (uuid: string) =>
      `{"type":"ACKNOWLEDGE","framework_id":{"value":"f"},"acknowledge":{"agent_id":{"value":"a"},"task_id":{"value":"t"},"uuid":"${uuid}"}}`
    expect((await post(call('***'))).text).toMatch(/base64/i)
    expect((await post(call('AAAA'))).text).toMatch(/^Failed to validate scheduler::Call: .*uuid/)
    expect((await post(call(Buffer.alloc(16, 7).toString('base64')))).text).toBe('Framework cannot be found')
  })

  test('C22 a missing required field is 400 in both encodings, and named', async () => {
    const json = await post('{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"root"}}}')
    expect([json.status, json.text.includes('framework_info.name')]).toEqual([400, true])
    // SUBSCRIBE with a FrameworkInfo that has only its user: type 1, subscribe {framework_info {user "root"}}.
    const bytes = new Uint8Array([0x10, 1, 0x1a, 8, 0x0a, 6, 0x0a, 4, 0x72, 0x6f, 0x6f, 0x74])
    const binary = await post(bytes, PROTOBUF_TYPE)
    expect([binary.status, binary.text.includes('framework_info.name')]).toEqual([400, true])
  })

  test('C27 a gzip body is read', async () => {
    const body = new Uint8Array(gzipSync(JSON.stringify(DECLINE)))
    const answer = await post(body, { ...JSON_TYPE, 'content-encoding': 'gzip' })
    expect(answer.text).toBe('Framework cannot be found')
  })
})

describe('the call', () => {
  test('call-level validation is 400 with its prefix', async () => {
    for (const body of [
      '{}',
      '{"type":"DECLINE"}',
      '{"type":"DECLINE","framework_id":{"value":"f"}}',
      '{"type":"SUBSCRIBE"}',
    ]) {
      const answer = await post(body)
      expect(answer.status).toBe(400)
      expect(answer.text).toMatch(/^Failed to validate scheduler::Call: /)
    }
  })

  test('C8 SUBSCRIBE that accepts neither encoding is 406; DECLINE does not look at Accept', async () => {
    const html = { ...JSON_TYPE, accept: 'text/html' }
    const subscribe = '{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"root","name":"n"}}}'
    expect((await post(subscribe, html)).status).toBe(406)
    const reconcile = '{"type":"RECONCILE_OPERATIONS","framework_id":{"value":"f"},"reconcile_operations":{}}'
    expect((await post(reconcile, html)).status).toBe(406)
    expect((await post(JSON.stringify(DECLINE), html)).text).toBe('Framework cannot be found')
  })

  test('C37 SUBSCRIBE with a stream id is 400, after 406', async () => {
    const subscribe = '{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"root","name":"n"}}}'
    expect((await post(subscribe, { ...JSON_TYPE, 'mesos-stream-id': 'x' })).status).toBe(400)
    const html = { ...JSON_TYPE, 'mesos-stream-id': 'x', accept: 'text/html' }
    expect((await post(subscribe, html)).status).toBe(406)
  })

  test('C38 ids that differ are 400', async () => {
    const subscribe =
      '{"type":"SUBSCRIBE","framework_id":{"value":"a"},"subscribe":{"framework_info":{"user":"r","name":"n","id":{"value":"b"}}}}'
    expect((await post(subscribe)).status).toBe(400)
  })

  test('C54 an unknown framework is 400, with and without stream id, in both encodings', async () => {
    for (const headers of [{}, { 'mesos-stream-id': 'x' }]) {
      const json = await post(JSON.stringify(DECLINE), { ...JSON_TYPE, ...headers })
      const binary = await post(protobuf(DECLINE), { ...PROTOBUF_TYPE, ...headers })
      for (const answer of [json, binary]) {
        expect([answer.status, answer.text]).toEqual([400, 'Framework cannot be found'])
      }
    }
  })
})

test('C31 with authentication on, 401 with a challenge comes before everything', async () => {
  const authenticate = basicAuthentication(new Map([['me', 'secret']]), SCHEDULER_REALM)
  const guarded = await startWorld({ authenticate })
  try {
    const response = await fetch(guarded.url)
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe('Basic realm="mesos-master-scheduler"')
    const authorization = `Basic ${Buffer.from('me:secret').toString('base64')}`
    expect((await post('{}', { ...JSON_TYPE, authorization }, guarded.url)).status).toBe(400)
    const health = await fetch(guarded.url.replace('/api/v1/scheduler', '/health'))
    expect(health.status).toBe(200)
  } finally {
    await guarded.close()
  }
})
