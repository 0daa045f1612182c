// From the event of a REST API to the request that handlers see.
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { instanceOf } from '../../../functions/agents/identity.ts'
import { type RestEvent, requestOf } from '../../../functions/lambda/requests.ts'
import { MAX_BODY_BYTES } from '../../../master/limits.ts'
import { restEvent, SIGNED_BY_INSTANCE } from './events.ts'

async function read(event: RestEvent) {
  const outcome = await requestOf(event)
  return 'request' in outcome ? outcome.request : expect.fail(`refused: ${outcome.refused.status}`)
}

async function refusal(event: RestEvent) {
  const outcome = await requestOf(event)
  return 'refused' in outcome ? outcome.refused.status : expect.fail('was not refused')
}

describe('a request', () => {
  test('has method, headers in lower case, text as bytes, and who asks', async () => {
    const request = await read(restEvent())
    expect(request).toMatchObject({
      method: 'POST',
      path: '/api/v1/scheduler',
      principal: 'marathon',
      remote: '203.0.113.7',
      caller: undefined,
    })
    expect(request.headers['mesos-stream-id']).toBe('130ae4e3-6b13-4ef4-baa9-9f2e85c3e9af')
    expect(Buffer.from(request.body).toString()).toBe('{"type":"SUPPRESS"}')
  })

  test('bytes of a binary message come as base64', async () => {
    const bytes = Buffer.from([0x08, 0x0a, 0xff, 0x00, 0x80])
    const event = restEvent({ body: bytes.toString('base64'), isBase64Encoded: true })
    expect(Buffer.from((await read(event)).body)).toEqual(bytes)
  })

  test('text is UTF-8; a body that is null is empty', async () => {
    expect(Buffer.from((await read(restEvent({ body: '{"name":"été"}' }))).body).toString()).toBe(
      '{"name":"été"}',
    )
    expect((await read(restEvent({ body: null }))).body).toHaveLength(0)
  })

  test('repeated headers are joined, repeated parameters are kept', async () => {
    const event = restEvent({
      multiValueHeaders: { Accept: ['application/x-protobuf', 'application/json'] },
      multiValueQueryStringParameters: { task_id: ['a', 'b'], limit: ['10'] },
    })
    const request = await read(event)
    expect(request.headers.accept).toBe('application/x-protobuf, application/json')
    expect(request.query.getAll('task_id')).toEqual(['a', 'b'])
    expect(request.query.get('limit')).toBe('10')
  })

  test('of an emulator without the lists of values is read all the same', async () => {
    const event = restEvent({
      multiValueHeaders: undefined,
      multiValueQueryStringParameters: undefined,
      queryStringParameters: { path: '/master/log' },
      requestContext: undefined,
    })
    const request = await read(event)
    expect(request.headers['content-type']).toBe('application/json')
    expect(request.query.get('path')).toBe('/master/log')
    expect(request.principal).toBeUndefined()
  })

  test('gzip is undone; above the limit it is 413, before and after inflating', async () => {
    const headers = { 'Content-Encoding': 'gzip' }
    const zipped = (bytes: Buffer) => ({
      headers,
      multiValueHeaders: undefined,
      body: gzipSync(bytes).toString('base64'),
      isBase64Encoded: true,
    })
    expect(Buffer.from((await read(restEvent(zipped(Buffer.from('{}'))))).body).toString()).toBe('{}')
    expect(await refusal(restEvent(zipped(Buffer.alloc(MAX_BODY_BYTES + 1))))).toBe(413)
    expect(await refusal(restEvent({ body: 'x'.repeat(MAX_BODY_BYTES + 1) }))).toBe(413)
    expect(await refusal(restEvent({ headers, multiValueHeaders: undefined, body: 'no gzip' }))).toBe(400)
  })
})

describe('the path', () => {
  const cases: readonly (readonly [string, Partial<RestEvent>, string])[] = [
    ['without a stage', {}, '/api/v1/scheduler'],
    ['with the stage, as some emulators leave it', { path: '/prod/api/v1/scheduler' }, '/api/v1/scheduler'],
    ['below a base path of a custom domain', { path: '/mesos/api/v1/scheduler' }, '/api/v1/scheduler'],
    [
      'of a greedy resource',
      { resource: '/{proxy+}', path: '/mesos/master/state', pathParameters: { proxy: 'master/state' } },
      '/master/state',
    ],
    [
      'of a greedy resource with escapes',
      { resource: '/{proxy+}', path: '/slave%281%29/state', pathParameters: { proxy: 'slave(1)/state' } },
      '/slave(1)/state',
    ],
    ['of the root', { resource: '/', path: '/' }, '/'],
    ['without a resource, with the stage', { resource: undefined, path: '/prod/state' }, '/state'],
    ['of a stage that begins alike', { resource: undefined, path: '/production/state' }, '/production/state'],
    ['of nothing but the stage', { resource: undefined, path: '/prod' }, '/'],
    ['that cannot be decoded', { resource: undefined, path: '/%E0%A4%A' }, '/%E0%A4%A'],
  ]
  test.each(cases)('%s', async (_, given, path) => {
    expect((await read(restEvent(given))).path).toBe(path)
  })
})

describe('A6 R16 the caller of a signed call', () => {
  test('is the session of the instance', async () => {
    const { caller, principal } = await read(restEvent({ requestContext: SIGNED_BY_INSTANCE }))
    expect(instanceOf(caller)).toBe('i-0123456789abcdef0')
    expect(principal).toBeUndefined()
  })

  test('is told from the user id where there is no ARN', async () => {
    const { user } = SIGNED_BY_INSTANCE.identity
    const { caller } = await read(restEvent({ requestContext: { identity: { user, userArn: null } } }))
    expect(instanceOf(caller)).toBe('i-0123456789abcdef0')
  })

  test('what headers claim is no caller and no principal', async () => {
    const event = restEvent({
      headers: { principal: 'root', caller: 'i-0123456789abcdef0' },
      multiValueHeaders: undefined,
      requestContext: { authorizer: null, identity: {} },
    })
    expect(await read(event)).toMatchObject({ principal: undefined, caller: undefined })
  })
})
