// Bodies made to hurt whoever reads them, at every door that takes one, on a server of our own and behind a gateway.
import { request as httpRequest } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LocalServer, listen } from '../../functions/http/local-server.ts'
import { isStream } from '../../functions/http/types.ts'
import { requestOf } from '../../functions/lambda/requests.ts'
import { systemClock } from '../../protocol/clock.ts'
import { restEvent } from '../functions/lambda/events.ts'
import { basic, type Ground, ground, type Session } from './ground.ts'

const DOORS = ['/api/v1/scheduler', '/api/v1', '/api/v1/agent', '/api/v1/meseta', '/teardown'] as const
/** Much more than any of them needs, also on a machine that does other things: the naive ways take minutes, or all memory. */
const PATIENCE_MS = 20_000

interface Sent {
  readonly path: string
  readonly body: Uint8Array
  readonly headers: Readonly<Record<string, string>>
}

let on: Ground
let session: Session
let server: LocalServer
beforeAll(async () => {
  on = await ground()
  session = await on.subscribed('alice')
  server = await listen({
    handler: on.front,
    host: '127.0.0.1',
    port: 0,
    env: { ...on.w.env, clock: systemClock },
  })
})
afterAll(() => server.close())

/** On one machine. */
async function overHttp({ path, body, headers }: Sent): Promise<number> {
  return await new Promise((resolve, reject) => {
    const asked = httpRequest(
      { port: server.port, host: '127.0.0.1', method: 'POST', path, headers },
      (answer) => {
        answer.resume()
        resolve(answer.statusCode ?? 0)
      },
    )
    // Refused unread: the rest of the body meets a closed connection.
    asked.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') reject(error)
    })
    asked.end(body)
  })
}

/** As API Gateway hands it over. */
async function overGateway({ path, body, headers }: Sent): Promise<number> {
  const event = restEvent({
    resource: path,
    path,
    headers,
    multiValueHeaders: undefined,
    body: Buffer.from(body).toString('base64'),
    isBase64Encoded: true,
  })
  const read = await requestOf(event)
  if ('refused' in read) return read.refused.status
  const answer = await on.front(read.request)
  expect(isStream(answer.body)).toBe(false)
  return answer.status
}

const HOSTS = [
  ['a server of our own', overHttp],
  ['a gateway', overGateway],
] as const

const text = (body: string) => Buffer.from(body)
const many = (count: number, item: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => item(index)).join(',')
const nested = (open: string, close: string, depth: number) => `${open.repeat(depth)}1${close.repeat(depth)}`

const JSON_BOMBS: readonly (readonly [string, Buffer])[] = [
  ['lists nested 100,000 deep', text(nested('[', ']', 100_000))],
  ['objects nested 100,000 deep', text(nested('{"a":', '}', 100_000))],
  ['a field nested 100,000 deep', text(`{"type":"SUPPRESS","x":${nested('[', ']', 100_000)}}`)],
  [
    'long numbers nested 100,000 deep',
    text(`{"type":"REVIVE","x":${'['.repeat(100_000)}12345678901234567890${']'.repeat(100_000)}}`),
  ],
  ['brackets that never close', text('['.repeat(1_000_000))],
  ['400,000 keys', text(`{${many(380_000, (index) => `"k${index}":1`)}}`)],
  ['400,000 equal keys', text(`{${many(600_000, () => '"k":1')}}`)],
  ['a million empty lists', text(`{"type":"KILL","x":[${many(1_000_000, () => '[]')}]}`)],
  ['a string of 4 MB', text(`"${'x'.repeat(4_000_000)}"`)],
  ['a string of escapes', text(`{"type":"${'\\u0000'.repeat(600_000)}"}`)],
  ['a number of a million digits', text(`{"type":"REVIVE","x":${'9'.repeat(1_000_000)}}`)],
  [
    '__proto__',
    text('{"__proto__":{"type":"TEARDOWN","agentId":"x"},"constructor":{"prototype":{"type":"KILL"}}}'),
  ],
  ['1e400', text('{"type":"SYNC","agentId":"m-S1","incarnation":1e400,"applied":-1e400}')],
  ['NaN', text('{"type":"SYNC","incarnation":NaN}')],
  ['lone surrogates', text('{"type":"\\ud800","events":{"framework_id":{"value":"\\udfff"}}}')],
  ['no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xc0, 0x80, 0x22, 0x3a, 0x31, 0x7d])],
  ['UTF-16', Buffer.from('\ufeff{"type":"REVIVE"}', 'utf16le')],
  ['nothing', text('')],
  ['null', text('null')],
]

const RECORD_BOMBS: readonly (readonly [string, Buffer])[] = [
  ['a record of negative length', text('-5\n{"type":"TEARDOWN"}')],
  ['a record of huge length', text('99999999999999999999\n{')],
  ['records instead of a message', text('19\n{"type":"TEARDOWN"}\n19\n{"type":"TEARDOWN"}')],
]

const GZIP_BOMBS: readonly (readonly [string, Buffer, readonly number[]])[] = [
  ['50 MB of nothing', gzipSync(Buffer.alloc(50_000_000)), [413]],
  ['just above the limit', gzipSync(Buffer.alloc(4 * 1024 * 1024 + 1)), [413]],
  ['gzip in gzip', gzipSync(gzipSync(Buffer.alloc(50_000_000))), [400]],
  ['many members', Buffer.concat(Array.from({ length: 200 }, () => gzipSync(Buffer.alloc(100_000)))), [413]],
  ['cut off', gzipSync(text('{"type":"REVIVE"}')).subarray(0, 20), [400]],
  ['none at all', text('{"type":"REVIVE"}'), [400]],
]

const varint = (value: bigint): number[] =>
  value < 128n ? [Number(value)] : [Number(value & 127n) | 128, ...varint(value >> 7n)]

const PROTOBUF_BOMBS: readonly (readonly [string, Buffer])[] = [
  ['groups nested 100,000 deep', Buffer.alloc(200_000, Buffer.from([0xa3, 0x06]))],
  ['messages nested 50,000 deep', Buffer.alloc(100_000, Buffer.from([0x1a, 0x7f]))],
  ['a length of 2^63', Buffer.from([0x1a, ...varint(2n ** 63n)])],
  ['a length of 4 GB', Buffer.from([0x1a, ...varint(2n ** 32n), 1, 2, 3])],
  ['a negative length', Buffer.from([0x1a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01])],
  ['a number that never ends', Buffer.alloc(1_000_000, 0xff)],
  ['a million unknown fields', Buffer.alloc(3_000_000, Buffer.from([0xa0, 0x06, 0x01]))],
  ['a million empty messages', Buffer.alloc(2_000_000, Buffer.from([0x1a, 0x00]))],
  ['field number 0', Buffer.from([0x00, 0x01])],
  ['ends of groups', Buffer.alloc(1_000_000, 0x0c)],
]

describe.each(HOSTS)('behind %s', (_, send) => {
  /** Refused in time with an answer of the 400s (501: there is no such call), without a word of the insides; the front goes on answering. */
  async function refused(sent: Sent, statuses?: readonly number[]): Promise<void> {
    const logged = on.w.logged.length
    const begun = performance.now()
    const status = await send(sent)
    expect(performance.now() - begun).toBeLessThan(PATIENCE_MS)
    if (statuses === undefined) {
      expect([sent.path, (status >= 400 && status < 500) || status === 501, status]).toEqual([
        sent.path,
        true,
        status,
      ])
    } else expect(statuses).toContain(status)
    expect(on.w.logged.slice(logged).filter((line) => line.startsWith('request failed'))).toEqual([])
  }

  const asJson = { 'content-type': 'application/json', ...basic('alice') }

  describe.each(DOORS)('at %s', (path) => {
    test.each(JSON_BOMBS)('A11: %s', (__, body) => refused({ path, body, headers: asJson }))

    test.each(RECORD_BOMBS)('A12: %s', (__, body) => refused({ path, body, headers: asJson }))

    test.each(GZIP_BOMBS)('A12: gzip, %s', (__, body, statuses) => {
      // The form of /teardown has no JSON to be broken.
      const expected = path === '/teardown' ? [...statuses, 400] : statuses
      return refused({ path, body, headers: { ...asJson, 'content-encoding': 'gzip' } }, expected)
    })

    test('A10: 50 MB are refused unread', () =>
      refused({ path, body: Buffer.alloc(50_000_000, 'x'), headers: asJson }, [413]))
  })

  test.each(PROTOBUF_BOMBS)('A13: %s, as protobuf', async (__, body) => {
    const headers = { ...asJson, 'content-type': 'application/x-protobuf' }
    for (const path of ['/api/v1/scheduler', '/api/v1']) await refused({ path, body, headers })
  })

  test('A11: of two framework ids the one that counts is the one that is judged', async () => {
    const mallory = await on.subscribed('mallory')
    const doubled = (first: string, second: string) =>
      text(`{"type":"TEARDOWN","framework_id":{"value":"${first}"},"framework_id":{"value":"${second}"}}`)
    const headers = { ...asJson, ...basic('mallory'), 'mesos-stream-id': mallory.streamId }
    const path = '/api/v1/scheduler'
    expect(await send({ path, body: doubled(mallory.id, session.id), headers })).toBe(400)
    expect((await session.framework()).state).toBe('connected')
    expect(await send({ path, body: doubled(session.id, mallory.id), headers })).toBe(202)
    expect((await session.framework()).state).toBe('connected')
    expect((await mallory.framework()).state).toBe('removed')
  })

  test('A11: numbers beyond all bounds in a sound call are refused, or what they would be at most', async () => {
    const headers = { ...asJson, 'mesos-stream-id': session.streamId }
    const path = '/api/v1/scheduler'
    const decline = (seconds: string) =>
      text(
        `{"type":"DECLINE","framework_id":{"value":"${session.id}"},"decline":{"offer_ids":[],"filters":{"refuse_seconds":${seconds}}}}`,
      )
    for (const seconds of ['1e400', '-1e400', '"NaN"', '"1e400"'])
      expect([seconds, await send({ path, body: decline(seconds), headers })]).toEqual([seconds, 400])
    for (const seconds of ['1e308', '-1', '"Infinity"'])
      expect([seconds, await send({ path, body: decline(seconds), headers })]).toEqual([seconds, 202])
  })
})

test('A12: a record whose bytes never come holds up nobody else', async () => {
  const waiting = httpRequest({
    port: server.port,
    host: '127.0.0.1',
    method: 'POST',
    path: '/api/v1/scheduler',
    headers: { 'content-type': 'application/json', 'content-length': '1000' },
  })
  waiting.on('error', () => {})
  waiting.write('{')
  const body = text('{}')
  const headers = { 'content-type': 'application/json', ...basic('alice') }
  expect(await overHttp({ path: '/api/v1/scheduler', body, headers })).toBe(400)
  waiting.destroy()
})
