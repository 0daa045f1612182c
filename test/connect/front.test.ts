// The connector's plain endpoint before a far end that is made up: what is passed on, refused, tried again.
import { createServer, type IncomingMessage, request, type Server } from 'node:http'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { basic, type Credentials, PASSED } from '../../connect/credentials.ts'
import { farEnd } from '../../connect/far-end.ts'
import { startFront } from '../../connect/front.ts'
import { probe } from '../../connect/probe.ts'
import { systemClock } from '../../protocol/clock.ts'
import { encodeRecord } from '../../protocol/recordio.ts'
import { send, TestFramework } from '../framework.ts'

interface Made {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

const open: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of open.splice(0).reverse()) await stop()
})

/** A far end that answers as it is told, and a connector before it. */
async function world(
  answers: (seen: Seen, number: number) => Made | 'hang up',
  options: { readonly stage?: string; readonly credentials?: Credentials } = {},
) {
  const seen: Seen[] = []
  const server = createServer(async (incoming, outgoing) => {
    const parts: Buffer[] = []
    for await (const part of incoming) parts.push(part)
    const one = {
      method: incoming.method ?? '',
      url: incoming.url ?? '',
      headers: incoming.headers,
      body: Buffer.concat(parts),
    }
    seen.push(one)
    const made = answers(one, seen.length)
    if (made === 'hang up') return void incoming.socket.destroy()
    outgoing.writeHead(made.status, made.headers)
    outgoing.end(made.body)
  })
  await listening(server)
  const url = `http://127.0.0.1:${portOf(server)}${options.stage ?? ''}`
  const lines: string[] = []
  const far = farEnd({
    url,
    credentials: options.credentials ?? PASSED,
    clock: systemClock,
    random: () => 0,
  })
  const front = await startFront({
    farEnd: far,
    clock: systemClock,
    random: () => 0,
    log: (line) => void lines.push(line),
    host: '127.0.0.1',
    port: 0,
  })
  open.push(async () => {
    await front.stop()
    far.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { url: `http://127.0.0.1:${front.port}`, port: front.port, far, seen, lines }
}

async function listening(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

const JSON_TYPE = { 'content-type': 'application/json' }
const ok = () => ({ status: 200, body: 'fine' })

describe('what is passed on', () => {
  test('a request goes below the stage, with its query, body and headers, and its answer comes back', async () => {
    const { url, seen } = await world(() => ({ status: 202, headers: { 'x-more': 'yes' }, body: 'taken' }), {
      stage: '/prod/',
    })
    const answer = await send(`${url}/master/api/v1?a=1&b=%20x`, {
      headers: {
        ...JSON_TYPE,
        'mesos-stream-id': 's',
        te: 'trailers',
        connection: 'te, x-hop',
        'x-hop': '1',
      },
      body: '{"type":"GET_STATE"}',
    })
    expect(answer).toMatchObject({ status: 202, text: 'taken' })
    expect(answer.headers['x-more']).toBe('yes')
    expect(seen[0]).toMatchObject({ method: 'POST', url: '/prod/master/api/v1?a=1&b=%20x' })
    expect(String(seen[0]?.body)).toBe('{"type":"GET_STATE"}')
    expect(seen[0]?.headers).toMatchObject({ 'mesos-stream-id': 's', 'content-type': 'application/json' })
    expect(seen[0]?.headers['x-hop']).toBeUndefined()
  })

  test('a compressed answer stays compressed', async () => {
    const { url } = await world(() => ({
      status: 200,
      headers: { 'content-encoding': 'gzip' },
      body: gzipSync('long'),
    }))
    const got = await new Promise<Buffer>((resolve) => {
      request(`${url}/state`, { headers: { 'accept-encoding': 'gzip' } }, (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('end', () => resolve(Buffer.concat(parts)))
      }).end()
    })
    expect(String(gunzipSync(got))).toBe('long')
  })

  test('C145 the leader is here', async () => {
    const { url, port, seen } = await world(ok)
    for (const path of ['/redirect', '/master/redirect']) {
      const answer = await send(`${url}${path}`, { method: 'GET' })
      expect([answer.status, answer.headers.location]).toEqual([307, `//127.0.0.1:${port}`])
    }
    expect(seen).toEqual([])
  })

  test('what the framework says of itself goes on; ours replaces it', async () => {
    const said = { ...JSON_TYPE, authorization: 'Basic dGhlaXJz' }
    const passed = await world(ok)
    await send(`${passed.url}/api/v1`, { headers: said, body: '{}' })
    expect(passed.seen[0]?.headers.authorization).toBe('Basic dGhlaXJz')
    const ours = await world(ok, { credentials: basic({ principal: 'us', secret: 'pass' }) })
    await send(`${ours.url}/api/v1`, { headers: said, body: '{}' })
    expect(ours.seen[0]?.headers.authorization).toBe(`Basic ${Buffer.from('us:pass').toString('base64')}`)
  })
})

describe('what is refused here', () => {
  test('A11: a body above 4 MB, announced or not', async () => {
    const { url, seen } = await world(ok)
    const body = Buffer.alloc(4 * 1024 * 1024 + 1)
    const announced = await send(`${url}/api/v1`, {
      headers: { ...JSON_TYPE, 'content-length': String(body.length) },
      body,
    }).catch((error: NodeJS.ErrnoException) => error)
    if (!(announced instanceof Error)) expect(announced.status).toBe(413)
    const chunked = await send(`${url}/api/v1`, {
      headers: { ...JSON_TYPE, 'transfer-encoding': 'chunked' },
      body,
    }).catch((error: NodeJS.ErrnoException) => error)
    if (!(chunked instanceof Error)) expect(chunked.status).toBe(413)
    expect(seen).toEqual([])
  })

  test('pages of other sites, and names that only point here', async () => {
    const { url, port, seen } = await world(ok)
    const asked = (headers: Readonly<Record<string, string>>) =>
      send(`${url}/state`, { method: 'GET', headers })
    expect((await asked({ origin: 'http://evil.example' })).status).toBe(403)
    expect(
      (await asked({ host: `evil.example:${port}`, origin: `http://evil.example:${port}` })).status,
    ).toBe(403)
    expect((await asked({ 'sec-fetch-site': 'cross-site' })).status).toBe(403)
    const browser = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0' }
    expect((await asked({ ...browser, host: `evil.example:${port}` })).status).toBe(403)
    expect(seen).toEqual([])
    expect(
      (await asked({ origin: `http://127.0.0.1:${port}`, 'sec-fetch-site': 'same-origin' })).status,
    ).toBe(200)
    expect((await asked(browser)).status).toBe(200)
    expect((await asked({ host: 'mesos.internal:5050' })).status).toBe(200)
  })
})

test.each(['/state', '/api/v1/scheduler'])(
  'S22: %s with a secret does not leave in the clear',
  async (path) => {
    const far = farEnd({
      url: 'http://10.255.255.1:5050',
      credentials: PASSED,
      clock: systemClock,
      random: () => 0,
    })
    const front = await startFront({
      farEnd: far,
      clock: systemClock,
      random: () => 0,
      log: () => {},
      host: '127.0.0.1',
      port: 0,
    })
    try {
      const framework_info = { user: 'u', name: 'n' }
      const refused = await send(`http://127.0.0.1:${front.port}${path}`, {
        method: path === '/state' ? 'GET' : 'POST',
        headers: { ...JSON_TYPE, authorization: 'Basic x' },
        ...(path === '/state'
          ? {}
          : { body: JSON.stringify({ type: 'SUBSCRIBE', subscribe: { framework_info } }) }),
      })
      expect([refused.status, refused.text]).toEqual([
        403,
        expect.stringMatching(/in the clear; use its https/),
      ])
    } finally {
      await front.stop()
      far.close()
    }
  },
)

describe('a far end that says not now', () => {
  test.each([429, 500, 502, 503, 504])('%i: a KILL is sent again until it is taken', async (status) => {
    const { url, seen } = await world((_, number) => (number < 3 ? { status } : { status: 202 }))
    const body = JSON.stringify({
      type: 'KILL',
      framework_id: { value: 'f' },
      kill: { task_id: { value: 't' } },
    })
    expect((await send(`${url}/api/v1/scheduler`, { headers: JSON_TYPE, body })).status).toBe(202)
    expect(seen).toHaveLength(3)
  })

  test('hangs up: an ACKNOWLEDGE is sent again', async () => {
    const { url, seen } = await world((_, number) => (number < 2 ? 'hang up' : { status: 202 }))
    const body = JSON.stringify({
      type: 'ACKNOWLEDGE',
      framework_id: { value: 'f' },
      acknowledge: { agent_id: { value: 'a' }, task_id: { value: 't' }, uuid: 'AAAA' },
    })
    expect((await send(`${url}/api/v1/scheduler`, { headers: JSON_TYPE, body })).status).toBe(202)
    expect(seen).toHaveLength(2)
  })

  test.each([
    [
      'a MESSAGE',
      '/api/v1/scheduler',
      {
        type: 'MESSAGE',
        framework_id: { value: 'f' },
        message: { agent_id: { value: 'a' }, executor_id: { value: 'e' }, data: '' },
      },
    ],
    ['an operator’s call', '/api/v1', { type: 'TEARDOWN' }],
    [
      'a SUBSCRIBE',
      '/api/v1/scheduler',
      { type: 'SUBSCRIBE', subscribe: { framework_info: { user: 'u', name: 'n' } } },
    ],
  ])('hangs up: %s may have been done, and is not sent twice', async (_, path, call) => {
    const { url, seen } = await world(() => 'hang up')
    const answer = await send(`${url}${path}`, { headers: JSON_TYPE, body: JSON.stringify(call) })
    expect(answer.status).toBe(503)
    expect(answer.text).toMatch(/does not answer/)
    expect(seen).toHaveLength(1)
  })
})

describe('a far end that cannot be polled', () => {
  const SUBSCRIBED = encodeRecord(
    Buffer.from('{"type":"SUBSCRIBED","subscribed":{"framework_id":{"value":"f"}}}'),
  )

  test('its own stream is passed on, with a word about it', async () => {
    const { url, lines } = await world(() => ({
      status: 200,
      headers: { ...JSON_TYPE, 'mesos-stream-id': 's' },
      body: SUBSCRIBED,
    }))
    const framework = await TestFramework.subscribe(url)
    await framework.untilEnd()
    expect(framework.streamId).toBe('s')
    expect(lines).toEqual([expect.stringMatching(/does not deliver to this framework by poll/)])
  })

  test('a framework with a webhook of its own is not polled for', async () => {
    const { url, seen } = await world(() => ({ status: 200, headers: JSON_TYPE, body: SUBSCRIBED }))
    const subscribed = (value: string) =>
      send(`${url}/api/v1/scheduler`, {
        headers: JSON_TYPE,
        body: JSON.stringify({
          type: 'SUBSCRIBE',
          subscribe: {
            framework_info: { user: 'u', name: 'n', labels: { labels: [{ key: 'meseta.delivery', value }] } },
          },
        }),
      })
    expect((await subscribed('webhook')).text).toBe(String(SUBSCRIBED))
    await subscribed('stream')
    expect(seen.map(({ headers }) => headers['meseta-delivery'])).toEqual(['stream', 'poll'])
  })

  test('a page that is no Meseta is shown as it is', async () => {
    const { url } = await world(() => ({
      status: 404,
      headers: { 'content-type': 'text/html' },
      body: '<html>',
    }))
    const body = JSON.stringify({
      type: 'SUBSCRIBE',
      subscribe: { framework_info: { user: 'u', name: 'n' } },
    })
    const answer = await send(`${url}/api/v1/scheduler`, { headers: JSON_TYPE, body })
    expect(answer).toMatchObject({ status: 404, text: '<html>' })
  })
})

describe('the first look', () => {
  const looked = async (made: Made, credentials?: Credentials) => {
    const { far } = await world(() => made, credentials === undefined ? {} : { credentials })
    return await probe(far)
  }

  test.each([
    [{ status: 400, body: "The field 'framework_id' must be an id" }, false, /a Meseta answers/],
    [{ status: 501, body: 'There is no such call here' }, false, /does not deliver events by poll/],
    [{ status: 401 }, false, /frameworks must send their principal/],
    [{ status: 403, body: '{"message":"Missing Authentication Token"}' }, true, /lack its stage/],
    [{ status: 403, body: '{"message":"not authorized"}' }, true, /--principal|--profile/],
    [{ status: 404 }, true, /no Meseta/],
    [{ status: 200, body: '<html>' }, true, /no Meseta/],
    [{ status: 503 }, false, /tried again/],
  ] as const)('%o', async (made, isHopeless, sentence) => {
    const found = await looked(made)
    expect(found.sentence).toMatch(sentence)
    expect(found.isHopeless).toBe(isHopeless)
  })

  test('a secret that is not taken ends it', async () => {
    const found = await looked({ status: 401 }, basic({ principal: 'us', secret: 'wrong' }))
    expect(found).toMatchObject({
      isHopeless: true,
      sentence: expect.stringMatching(/does not know this principal with this secret/),
    })
    expect(found.sentence).not.toContain('wrong')
  })

  test('nobody there', async () => {
    const far = farEnd({
      url: 'http://127.0.0.1:1',
      credentials: PASSED,
      clock: systemClock,
      random: () => 0,
    })
    expect(await probe(far)).toMatchObject({
      isHopeless: false,
      sentence: expect.stringMatching(/ECONNREFUSED/),
    })
  })
})
