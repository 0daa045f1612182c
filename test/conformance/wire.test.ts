// Requests and their answers, media types, records of the stream (C1–C12, C27, C30, C32).
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { decodeMessage } from '../../protocol/codec.ts'
import { RecordDecoder } from '../../protocol/recordio.ts'
import { type Answer, ENCODINGS, JSON_TYPE, PROTOBUF_TYPE, send } from '../framework.ts'
import { chunksOf } from '../functions/http/raw.ts'
import { encoded, field, numberField, post, records, subscribeRaw } from './bytes.ts'
import { cluster, onOneCluster, subscribe } from './one-cluster.ts'
import { teardown, until } from './waiting.ts'

const PATHS = ['/api/v1/scheduler', '/master/api/v1/scheduler'] as const
const JSON_HEAD = { 'content-type': JSON_TYPE }
/** Valid, but of a framework that nobody knows: 400 as the last of all checks. */
const DECLINE = {
  type: 'DECLINE',
  framework_id: { value: 'nobody' },
  decline: { offer_ids: [{ value: 'x' }] },
} as const
const SUBSCRIBE = {
  type: 'SUBSCRIBE',
  subscribe: { framework_info: { user: 'root', name: 'wire' } },
} as const

onOneCluster()

describe('paths and methods', () => {
  test('C1 both paths answer the same to everything that is refused', async () => {
    const requests: readonly [Record<string, string>, string | Uint8Array, string?][] = [
      [JSON_HEAD, '', 'GET'],
      [JSON_HEAD, '', 'PUT'],
      [{}, '{}'],
      [{ 'content-type': 'text/plain' }, '{}'],
      [JSON_HEAD, '{'],
      [JSON_HEAD, '{}'],
      [JSON_HEAD, JSON.stringify(DECLINE)],
      [{ 'content-type': PROTOBUF_TYPE }, encoded(DECLINE, PROTOBUF_TYPE)],
      [{ ...JSON_HEAD, accept: 'text/html' }, JSON.stringify(SUBSCRIBE)],
      [{ ...JSON_HEAD, 'mesos-stream-id': 'x' }, JSON.stringify(SUBSCRIBE)],
    ]
    for (const [headers, body, method = 'POST'] of requests) {
      const [plain, prefixed] = await Promise.all(
        PATHS.map((path) => send(`${cluster.url}${path}`, { method, headers, body })),
      )
      expect(plain?.status).toBeGreaterThanOrEqual(400)
      expect(essence(prefixed)).toEqual(essence(plain))
    }
  })

  test.each(ENCODINGS)('C1 (%s) a session of one path takes calls on the other', async (encoding) => {
    for (const [path, other] of [PATHS, PATHS.toReversed()]) {
      const framework = await subscribe({ encoding, path: path ?? '' })
      expect(framework.status).toBe(200)
      const offer = await framework.offer()
      const call = {
        type: 'DECLINE',
        framework_id: { value: framework.id },
        decline: { offer_ids: [offer.id], filters: { refuse_seconds: 0 } },
      } as const
      const head = { 'content-type': encoding, 'mesos-stream-id': framework.streamId }
      const answer = await post(cluster, encoded(call, encoding), head, other)
      expect([answer.status, answer.text]).toEqual([202, ''])
      // It had its effect: the resources come again as another offer.
      expect((await framework.offer()).id).not.toEqual(offer.id)
      await teardown(cluster, [framework])
    }
  })

  test('C2 any other method is 405 with Allow: POST', async () => {
    for (const path of PATHS) {
      for (const method of ['GET', 'PUT', 'HEAD', 'DELETE', 'OPTIONS', 'PATCH']) {
        const answer = await send(`${cluster.url}${path}`, { method, headers: JSON_HEAD })
        expect([method, answer.status, answer.headers.allow]).toEqual([method, 405, 'POST'])
      }
    }
  })
})

describe('what a request says of its body', () => {
  test('C3 no Content-Type is 400, text/plain is 415', async () => {
    const body = JSON.stringify(SUBSCRIBE)
    expect((await post(cluster, body, {})).status).toBe(400)
    expect((await post(cluster, body, { 'content-type': 'text/plain' })).status).toBe(415)
    expect((await post(cluster, body, { 'content-type': 'application/xml' })).status).toBe(415)
  })

  test.each(['', '{', 'nonsense', '[1]', '[]', '"x"', '1', 'true', 'null', '{} x'])(
    'C4 a body %j is 400',
    async (body) => {
      expect((await post(cluster, body)).status).toBe(400)
    },
  )

  test.each([
    ['no message at all', Buffer.from('{"type":"SUBSCRIBE"}')],
    ['cut off inside a field', encoded(SUBSCRIBE, PROTOBUF_TYPE).subarray(0, -1)],
    ['a length beyond its end', Buffer.from([0x1a, 0x7f, 0x00])],
    ['a wire type that there is not', Buffer.from([0x0f, 0x01])],
    ['an endless varint', Buffer.alloc(12, 0xff)],
    ['empty', Buffer.alloc(0)],
  ])('C5 protobuf that does not parse is 400: %s', async (_, body) => {
    expect((await post(cluster, body, { 'content-type': PROTOBUF_TYPE })).status).toBe(400)
  })

  test.each(ENCODINGS)('C27 (%s) a body may come compressed, in chunks, and both', async (encoding) => {
    const framework = await subscribe({ encoding })
    const body = encoded(
      { type: 'RECONCILE', framework_id: { value: framework.id }, reconcile: { tasks: tasksToAsk() } },
      encoding,
    )
    const head = { 'content-type': encoding, 'mesos-stream-id': framework.streamId }
    const gzip = { 'content-encoding': 'gzip' }
    const chunked = { 'transfer-encoding': 'chunked' }
    const bodies: readonly [Record<string, string>, Uint8Array][] = [
      [gzip, gzipSync(body)],
      [chunked, body],
      [{ ...gzip, ...chunked }, gzipSync(body)],
    ]
    for (const [more, bytes] of bodies) {
      const answer = await post(cluster, bytes, { ...head, ...more })
      expect([answer.status, answer.text]).toEqual([202, ''])
      // All of it was read: each task is answered.
      for (const { task_id } of tasksToAsk()) await framework.update(task_id.value)
    }
  })

  test('C27 SUBSCRIBE too may come compressed', async () => {
    const body = gzipSync(JSON.stringify(SUBSCRIBE))
    const stream = await subscribeRaw(cluster, body, [
      'content-type: application/json',
      'content-encoding: gzip',
    ])
    await stream.until(/"SUBSCRIBED"/)
    stream.end()
  })
})

function tasksToAsk() {
  return ['c27-first', 'c27-last'].map((value) => ({ task_id: { value } }))
}

describe('what a client accepts', () => {
  test.each([
    undefined,
    '*/*',
    'application/*',
    JSON_TYPE,
    'text/html, application/json',
    'APPLICATION/JSON',
  ])('C6 Accept %s yields a JSON stream', async (accept) => {
    const stream = await opened(accept)
    await stream.until(/"HEARTBEAT"/)
    expect(stream.received()).toMatch(/\r\ncontent-type: application\/json\r\n/i)
    const types = jsonEvents(stream.received()).map(({ type }) => type)
    stream.end()
    // What comes behind the first two, like offers, is another matter.
    expect(types.slice(0, 2)).toEqual(['SUBSCRIBED', 'HEARTBEAT'])
  })

  test.each([
    [PROTOBUF_TYPE],
    ['application/x-protobuf, text/html;q=0.5'],
    ['application/x-protobuf, application/json;q=0'],
  ])('C7 Accept %s yields a protobuf stream with that Content-Type', async (accept) => {
    const framework = await subscribe({ accept })
    expect(framework.headers['content-type']).toBe(PROTOBUF_TYPE)
    await framework.next(({ type }) => type === 'HEARTBEAT')
    const [first] = records(framework)
    if (first === undefined) throw new Error('a record')
    expect(decodeMessage('mesos.v1.scheduler.Event', PROTOBUF_TYPE, first)).toMatchObject({
      ok: true,
      message: { type: 'SUBSCRIBED', subscribed: { framework_id: { value: framework.id } } },
    })
    expect(() => JSON.parse(first.toString())).toThrow()
  })

  test.each(ENCODINGS)(
    'C8 (%s) Accept text/html is 406 on SUBSCRIBE and 202 on DECLINE',
    async (encoding) => {
      const before = await frameworkCount()
      const head = { 'content-type': encoding, accept: 'text/html' }
      const refused = await post(cluster, encoded(SUBSCRIBE, encoding), head)
      expect(refused.status).toBe(406)
      expect(await frameworkCount()).toBe(before)

      const framework = await subscribe({ encoding })
      const decline = { type: 'DECLINE', decline: { offer_ids: [{ value: 'x' }] } } as const
      const answer = await framework.call(decline, { accept: 'text/html' })
      expect([answer.status, answer.text]).toEqual([202, ''])
    },
  )

  test.each([
    'application/x-protobuf, application/json',
    'application/json, application/x-protobuf',
    'application/x-protobuf, application/json;q=0.1',
    'application/x-protobuf;q=0.9, */*;q=0.1',
  ])('C9 Accept %s yields JSON', async (accept) => {
    const framework = await subscribe({ accept })
    expect(framework.headers['content-type']).toBe(JSON_TYPE)
    expect(JSON.parse(String(records(framework)[0]))).toMatchObject({ type: 'SUBSCRIBED' })
  })

  test.each([
    [JSON_TYPE, PROTOBUF_TYPE],
    [PROTOBUF_TYPE, JSON_TYPE],
  ] as const)('C10 calls in %s and a stream in %s', async (encoding, accept) => {
    const framework = await subscribe({ encoding, accept })
    expect(framework.headers['content-type']).toBe(accept)
    const tasks = [{ task_id: { value: 'c10' } }]
    expect((await framework.call({ type: 'RECONCILE', reconcile: { tasks } })).status).toBe(202)
    expect(await framework.update('c10')).toMatchObject({ state: 'TASK_LOST' })
    // The encoding of a call is that of the call alone: the same session may send the other one.
    const revive = encoded({ type: 'REVIVE', framework_id: { value: framework.id } }, accept)
    const head = { 'content-type': accept, 'mesos-stream-id': framework.streamId }
    expect((await post(cluster, revive, head)).status).toBe(202)
  })

  function opened(accept: string | undefined) {
    const lines = accept === undefined ? [] : [`accept: ${accept}`]
    return subscribeRaw(cluster, encoded(SUBSCRIBE, JSON_TYPE), ['content-type: application/json', ...lines])
  }
})

/** Task ids come back as they went: a way to have any text in an event. */
const TEXTS = ['tâche', '任務-七', '🚀-launch', 'e\u0301', '\u2028-line']

describe('records', () => {
  test.each(ENCODINGS)(
    'C11 (%s) the length of a record counts bytes, also of non-ASCII content',
    async (encoding) => {
      const framework = await subscribe({ encoding })
      const tasks = TEXTS.map((value) => ({ task_id: { value } }))
      await framework.call({ type: 'RECONCILE', reconcile: { tasks } })
      for (const text of TEXTS) await framework.update(text)

      const bytes = Buffer.concat(framework.chunks)
      const bodies = takenApart(bytes)
      const ids = bodies.map((body) => {
        const event = decodeMessage('mesos.v1.scheduler.Event', encoding, body)
        if (!event.ok) throw new Error(event.error)
        return event.message.update?.status.task_id.value
      })
      expect(ids.filter((id) => id !== undefined).toSorted()).toEqual(TEXTS.toSorted())
    },
  )

  test('C11 JSON events are ASCII: clients that count characters count the same', async () => {
    const framework = await subscribe()
    const tasks = TEXTS.map((value) => ({ task_id: { value } }))
    await framework.call({ type: 'RECONCILE', reconcile: { tasks } })
    for (const text of TEXTS) await framework.update(text)
    expect(Buffer.concat(framework.chunks).every((byte) => byte < 128)).toBe(true)
  })

  test.each(ENCODINGS)(
    'C12 (%s) each event is one chunk of HTTP; in JSON without a newline inside',
    async (encoding) => {
      const stream = await subscribeRaw(cluster, encoded(SUBSCRIBE, encoding), [
        `content-type: ${encoding}`,
        `accept: ${encoding}`,
      ])
      // SUBSCRIBED, HEARTBEAT, OFFERS: of several kinds and sizes.
      await until(() => chunksOf(stream.received()).length >= 3)
      for (const chunk of chunksOf(stream.received())) {
        const bytes = Buffer.from(chunk, 'latin1')
        const bodies = takenApart(bytes)
        expect(bodies).toHaveLength(1)
        const [body = Buffer.alloc(0)] = bodies
        expect(decodeMessage('mesos.v1.scheduler.Event', encoding, body).ok).toBe(true)
        if (encoding === JSON_TYPE) expect(body.includes('\n')).toBe(false)
      }
      stream.end()
    },
  )

  test('C12 nor is there one when a text has newlines', async () => {
    const text = `c12\u000a`
    const framework = await subscribe({ info: { name: 'a\nb\r\n', hostname: 'x\ny' } })
    // Control characters are no part of an id: the answer quotes it all the same.
    await framework.call({ type: 'RECONCILE', reconcile: { tasks: [{ task_id: { value: text } }] } })
    await framework.update(text)
    for (const body of records(framework)) expect(body.includes('\n')).toBe(false)
  })
})

/** Strictly by the definition: decimal length, newline, so many bytes, and so on to the last byte. */
function takenApart(bytes: Buffer): readonly Buffer[] {
  const bodies: Buffer[] = []
  let at = 0
  while (at < bytes.length) {
    const newline = bytes.indexOf('\n', at)
    const header = bytes.subarray(at, newline).toString('latin1')
    expect(header).toMatch(/^[1-9][0-9]*$/)
    const end = newline + 1 + Number(header)
    expect(end).toBeLessThanOrEqual(bytes.length)
    bodies.push(bytes.subarray(newline + 1, end))
    at = end
  }
  return bodies
}

function jsonEvents(response: string): readonly { readonly type: string }[] {
  const decoder = new RecordDecoder()
  const bodies = chunksOf(response).flatMap((chunk) => decoder.push(Buffer.from(chunk, 'latin1')))
  return bodies.map((body) => JSON.parse(body.toString()))
}

test.each(['GET', 'POST'])(
  'C30 %s /health is 200 with an empty body, without authentication',
  async (method) => {
    for (const path of ['/health', '/master/health']) {
      const answer = await send(`${cluster.url}${path}`, { method })
      expect([answer.status, answer.text]).toEqual([200, ''])
    }
  },
)

test('C32 error bodies are plain text', async () => {
  const framework = await subscribe()
  const gone = await subscribe({ info: { failover_timeout: 60 } })
  gone.close()
  const answers: [number, Promise<Answer>][] = [
    [405, send(`${cluster.url}/api/v1/scheduler`, { method: 'GET' })],
    [400, post(cluster, '{}', {})],
    [415, post(cluster, '{}', { 'content-type': 'text/plain' })],
    [400, post(cluster, '{')],
    [400, post(cluster, '[]')],
    [400, post(cluster, '{}')],
    [400, post(cluster, numberField(2, 99), { 'content-type': PROTOBUF_TYPE })],
    [400, post(cluster, field(3, 'xx'), { 'content-type': PROTOBUF_TYPE })],
    [406, post(cluster, JSON.stringify(SUBSCRIBE), { ...JSON_HEAD, accept: 'text/html' })],
    [400, post(cluster, JSON.stringify(SUBSCRIBE), { ...JSON_HEAD, 'mesos-stream-id': 'x' })],
    [400, post(cluster, JSON.stringify(DECLINE))],
    [400, framework.call({ type: 'REVIVE' }, { 'mesos-stream-id': 'wrong' })],
    [501, framework.call({ type: 'UNKNOWN' })],
    [404, send(`${cluster.url}/api/v1/nothing`, { method: 'GET' })],
  ]
  await until(async () => (await gone.call({ type: 'REVIVE' })).status === 403)
  answers.push([403, gone.call({ type: 'REVIVE' })])
  for (const [status, answer] of answers) {
    const { headers, text, status: answered } = await answer
    expect(answered).toBe(status)
    expect(headers['content-type']).toMatch(/^text\/plain\b/)
    expect(text).not.toBe('')
    expect(() => JSON.parse(text)).toThrow()
  }
})

async function frameworkCount(): Promise<number> {
  const { json } = await cluster.operator({ type: 'GET_FRAMEWORKS' })
  return (json as { get_frameworks: { frameworks: readonly unknown[] } }).get_frameworks.frameworks.length
}

/** What of an answer must be the same. */
function essence(answer: Answer | undefined) {
  const { allow, 'content-type': contentType, 'content-length': length } = answer?.headers ?? {}
  return { status: answer?.status, text: answer?.text, allow, contentType, length }
}
