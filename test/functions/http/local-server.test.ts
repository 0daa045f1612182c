// The front's manners on the wire, seen from raw sockets.
import { connect } from 'node:net'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { basicAuthentication, SCHEDULER_REALM } from '../../../functions/http/authentication.ts'
import { type LocalServer, listen, targetOf } from '../../../functions/http/local-server.ts'
import { reduced, routed } from '../../../functions/http/routes.ts'
import {
  CLOSED_BY_HOST,
  CLOSED_BY_PEER,
  empty,
  type HttpRequest,
  text,
} from '../../../functions/http/types.ts'
import { randomIds } from '../../../functions/ports/ids.ts'
import { TooContended } from '../../../functions/transact.ts'
import { systemClock } from '../../../protocol/clock.ts'
import { encodeRecord } from '../../../protocol/recordio.ts'
import { StoreUnavailable } from '../../../store/store.ts'
import { chunksOf, rawConnection } from './raw.ts'

const logged: { event: string; fields: Readonly<Record<string, unknown>> | undefined }[] = []
const record = (event: string, fields?: Readonly<Record<string, unknown>>) =>
  void logged.push({ event, fields })
const env = { clock: systemClock, ids: randomIds, log: { info: record, warn: record, error: record } }
const streamEnds: unknown[] = []
const chunk = encodeRecord(Buffer.from('{"type":"HEARTBEAT"}'))

const handler = routed(env, [
  { path: '/health', methods: { GET: () => empty(200) } },
  { path: '/echo', methods: { POST: (request) => ({ status: 200, headers: {}, body: request.body }) } },
  { path: '/seen', methods: { GET: (request) => text(200, describeRequest(request)) } },
  { path: '/slave/:id/state', methods: { GET: (request) => text(200, request.params.id ?? '') } },
  { path: '/long', methods: { GET: () => text(200, 'x'.repeat(5_000)) } },
  { path: '/broken', methods: { GET: () => Promise.reject(new Error('secret inside')) } },
  { path: '/contended', methods: { GET: () => Promise.reject(new TooContended('accept', 12)) } },
  { path: '/away', methods: { GET: () => Promise.reject(new StoreUnavailable('the table is away')) } },
  {
    path: '/guarded',
    methods: { POST: (request) => text(200, request.principal ?? 'nobody') },
    authenticate: basicAuthentication(new Map([['me', 'pa:ss']]), SCHEDULER_REALM),
  },
  {
    path: '/flood',
    methods: {
      POST: () => ({
        status: 200,
        headers: {},
        body: {
          async open(write) {
            const record = Buffer.alloc(1_000_000, 120)
            let count = 0
            while (count < 50 && (await write(record))) count += 1
            streamEnds.push(count)
          },
        },
      }),
    },
  },
  {
    path: '/failing',
    methods: {
      POST: () => ({
        status: 200,
        headers: {},
        body: { open: () => Promise.reject(new Error('in a stream')) },
      }),
    },
  },
  {
    path: '/stream',
    methods: {
      POST: () => ({
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: {
          async open(write, closed) {
            for (let i = 0; i < 3; i++) await write(chunk)
            if (!closed.aborted) await new Promise((resolve) => closed.addEventListener('abort', resolve))
            streamEnds.push(closed.reason)
          },
        },
      }),
    },
  },
])

let server: LocalServer
beforeAll(async () => {
  server = await listen({ handler, host: '127.0.0.1', port: 0, env })
})
afterAll(async () => await server.close())

/** One request on a fresh connection, with `Connection: close`. */
async function ask(head: string, body: string | Uint8Array = ''): Promise<string> {
  const connection = await rawConnection(server.port)
  const [line, ...rest] = head.split('\n')
  connection.send([line, 'Host: here', 'Connection: close', ...rest, '', ''].join('\r\n'))
  if (body.length > 0) connection.send(body)
  await connection.closed
  return connection.received()
}

function describeRequest(request: HttpRequest): string {
  return `${request.method} ${request.path} ${request.query.toString()}`
}

describe('requests', () => {
  test('C1 C30 every path is served with and without /master and a slash at its end', async () => {
    for (const path of ['/health', '/health/', '/master/health', '/master/health/']) {
      expect(await ask(`GET ${path} HTTP/1.1`)).toMatch(/^HTTP\/1\.1 200 .*content-length: 0\r\n/is)
    }
    expect([reduced('/'), reduced('/master'), reduced('/masterful/x'), reduced('/a//')]).toEqual([
      '/',
      '/',
      '/masterful/x',
      '/a',
    ])
  })

  test('a target in absolute form is the same target', async () => {
    expect(await ask('GET http://127.0.0.1:5050/master/seen?a=1&b=%20c HTTP/1.1')).toContain(
      'GET /master/seen a=1&b=+c',
    )
    expect(targetOf('http://host:1')).toEqual({ path: '/', query: new URLSearchParams() })
    expect(targetOf('http://host:1?x=1').path).toBe('/')
    expect(targetOf('/slave%281%29/state').path).toBe('/slave(1)/state')
    expect(targetOf('/%zz').path).toBe('/%zz')
  })

  test('parts of a path become params', async () => {
    expect(await ask('GET /slave/S-1/state HTTP/1.1')).toMatch(/\r\n\r\nS-1$/)
  })

  test('HEAD has the head of GET and no body', async () => {
    const answer = await ask('HEAD /long HTTP/1.1')
    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
    expect(answer).toMatch(/content-length: 5000/)
    expect(answer.endsWith('\r\n\r\n')).toBe(true)
  })

  test('C2 C32 an unknown path is 404, another method 405 with Allow, both in plain text', async () => {
    expect(await ask('GET /nowhere HTTP/1.1')).toMatch(/^HTTP\/1\.1 404 .*text\/plain; charset=utf-8/is)
    for (const method of ['GET', 'PUT', 'OPTIONS', 'DELETE', 'HEAD']) {
      const answer = await ask(`${method} /echo HTTP/1.1`)
      expect(answer).toMatch(/^HTTP\/1\.1 405 /)
      expect(answer).toMatch(/\r\nallow: POST\r\n/i)
      expect(answer).toMatch(/content-type: text\/plain/i)
    }
    expect(await ask('POST /health HTTP/1.1')).toMatch(/allow: GET, HEAD\r\n/i)
  })

  test('C27 chunked and gzip bodies are accepted, together too', async () => {
    const zipped = gzipSync('hello')
    expect(
      await ask('POST /echo HTTP/1.1\nTransfer-Encoding: chunked', '2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n'),
    ).toMatch(/hello$/)
    expect(
      await ask(`POST /echo HTTP/1.1\nContent-Encoding: gzip\nContent-Length: ${zipped.length}`, zipped),
    ).toMatch(/hello$/)
    const chunked = Buffer.concat([
      Buffer.from(`${zipped.length.toString(16)}\r\n`),
      zipped,
      Buffer.from('\r\n0\r\n\r\n'),
    ])
    expect(
      await ask('POST /echo HTTP/1.1\nContent-Encoding: gzip\nTransfer-Encoding: chunked', chunked),
    ).toMatch(/hello$/)
  })

  test('A10 A12: a body that is too large is 413, announced, in chunks or after inflating', async () => {
    expect(await ask('POST /echo HTTP/1.1\nContent-Length: 99000000')).toMatch(/^HTTP\/1\.1 413 /)
    const bomb = gzipSync(Buffer.alloc(50_000_000))
    expect(
      await ask(`POST /echo HTTP/1.1\nContent-Encoding: gzip\nContent-Length: ${bomb.length}`, bomb),
    ).toMatch(/^HTTP\/1\.1 413 /)
    const part = `100000\r\n${'x'.repeat(0x100000)}\r\n`
    expect(await ask('POST /echo HTTP/1.1\nTransfer-Encoding: chunked', part.repeat(5))).toMatch(
      /^HTTP\/1\.1 413 /,
    )
  })

  test('A12: broken gzip is 400, another encoding 415', async () => {
    expect(await ask('POST /echo HTTP/1.1\nContent-Encoding: gzip\nContent-Length: 3', 'abc')).toMatch(
      / 400 /,
    )
    expect(await ask('POST /echo HTTP/1.1\nContent-Encoding: br\nContent-Length: 3', 'abc')).toMatch(/ 415 /)
  })

  test('an offer to upgrade to HTTP/2 is ignored', async () => {
    const connection = await rawConnection(server.port)
    connection.send(
      'GET /health HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n',
    )
    await connection.until(/^HTTP\/1\.1 200 /)
    connection.end()
  })

  test('what is not HTTP gets 400 and an end', async () => {
    const connection = await rawConnection(server.port)
    connection.send('nonsense\r\n\r\n')
    await connection.closed
    expect(connection.received()).toMatch(/^HTTP\/1\.1 400 /)
  })
})

describe('connections', () => {
  test('an idle kept-alive connection is not closed by this side', async () => {
    const connection = await rawConnection(server.port)
    connection.send('GET /health HTTP/1.1\r\nHost: h\r\n\r\n')
    await connection.until(/\r\n\r\n/)
    expect(connection.received()).not.toMatch(/keep-alive: timeout/i)
    // A Node server's own default would end it after five seconds.
    await new Promise((resolve) => setTimeout(resolve, 6_500))
    expect(connection.isClosed()).toBe(false)
    connection.send('GET /health HTTP/1.1\r\nHost: h\r\n\r\n')
    await connection.until(/\r\n\r\nHTTP\/1\.1 200 /)
    connection.end()
  })

  test('several requests on one connection are answered in order', async () => {
    const connection = await rawConnection(server.port)
    connection.send('GET /seen?1 HTTP/1.1\r\nHost: h\r\n\r\nGET /seen?2 HTTP/1.1\r\nHost: h\r\n\r\n')
    await connection.until(/\/seen 1=.*\/seen 2=/s)
    connection.end()
  })
})

describe('answers', () => {
  test('from 1024 bytes on they are gzipped for who asks', async () => {
    const answer = await ask('GET /long HTTP/1.1\nAccept-Encoding: deflate, gzip;q=0.8')
    expect(answer).toMatch(/content-encoding: gzip/i)
    const body = Buffer.from(answer.slice(answer.indexOf('\r\n\r\n') + 4), 'latin1')
    expect(gunzipSync(body).toString()).toBe('x'.repeat(5_000))
    expect(await ask('GET /long HTTP/1.1\nAccept-Encoding: gzip;q=0')).not.toMatch(/content-encoding/i)
    expect(await ask('GET /long HTTP/1.1')).not.toMatch(/content-encoding/i)
    expect(await ask('GET /seen HTTP/1.1\nAccept-Encoding: gzip')).not.toMatch(/content-encoding/i)
  })

  test('S20 S22: a failure inside is one 500 with the id that the log has, and no more of it', async () => {
    logged.length = 0
    const answer = await ask('GET /broken HTTP/1.1')
    expect(answer).toMatch(/^HTTP\/1\.1 500 /)
    expect(answer).not.toContain('secret inside')
    expect(logged).toHaveLength(1)
    expect(answer).toContain(String(logged[0]?.fields?.id))
    expect(await ask('GET /health HTTP/1.1')).toMatch(/^HTTP\/1\.1 200 /)
  })

  test('contention and a table that is away are 503 with Retry-After', async () => {
    for (const path of ['/contended', '/away']) {
      expect(await ask(`GET ${path} HTTP/1.1`)).toMatch(/^HTTP\/1\.1 503 .*retry-after: 1\r\n/is)
    }
  })

  test('C31 without the right secret 401 with a challenge, before the method is looked at', async () => {
    const basic = (pair: string) => `Authorization: Basic ${Buffer.from(pair).toString('base64')}`
    for (const head of [
      'POST /guarded HTTP/1.1',
      'GET /guarded HTTP/1.1',
      `POST /guarded HTTP/1.1\n${basic('me:x')}`,
      `POST /guarded HTTP/1.1\n${basic('you:')}`,
    ]) {
      expect(await ask(head)).toMatch(
        /^HTTP\/1\.1 401 .*www-authenticate: Basic realm="mesos-master-scheduler"/is,
      )
    }
    expect(await ask(`POST /guarded HTTP/1.1\n${basic('me:pa:ss')}`)).toMatch(/\r\n\r\nme$/)
    expect(await ask(`GET /guarded HTTP/1.1\n${basic('me:pa:ss')}`)).toMatch(/^HTTP\/1\.1 405 /)
  })
})

describe('streams', () => {
  const subscribe = 'POST /stream HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\nContent-Length: 0\r\n\r\n'

  test('C12 one record is one chunk, never compressed', async () => {
    const connection = await rawConnection(server.port)
    connection.send(subscribe)
    await connection.until(/(HEARTBEAT.*){3}\r\n/s)
    expect(connection.received()).toMatch(/transfer-encoding: chunked/i)
    expect(connection.received()).not.toMatch(/content-encoding/i)
    expect(chunksOf(connection.received())).toEqual(Array(3).fill('20\n{"type":"HEARTBEAT"}'))
    streamEnds.length = 0
    connection.end()
    await expect.poll(() => streamEnds).toEqual([CLOSED_BY_PEER])
  })

  test('a client that closes its socket is noticed, and that it was the client', async () => {
    streamEnds.length = 0
    const connection = await rawConnection(server.port)
    connection.send(subscribe)
    await connection.until(/HEARTBEAT/)
    connection.end()
    await expect.poll(() => streamEnds).toEqual([CLOSED_BY_PEER])
  })

  test('a client that does not read holds up nobody but its own stream', async () => {
    streamEnds.length = 0
    const slow = connect({ port: server.port, host: '127.0.0.1' })
    slow.on('error', () => undefined)
    slow.pause()
    slow.write('POST /flood HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n')
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(streamEnds).toEqual([])
    expect(await ask('GET /health HTTP/1.1')).toMatch(/^HTTP\/1\.1 200 /)
    slow.destroy()
    await expect.poll(() => streamEnds).toHaveLength(1)
    expect(streamEnds[0]).toBeLessThan(50)
  })

  test('a stream that fails ends alone, and is logged', async () => {
    logged.length = 0
    const answer = await ask('POST /failing HTTP/1.1\nContent-Length: 0')
    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
    expect(logged).toHaveLength(1)
    expect(await ask('GET /health HTTP/1.1')).toMatch(/^HTTP\/1\.1 200 /)
  })

  test('a server that stops ends its streams with the last chunk, and says so to their writers', async () => {
    streamEnds.length = 0
    const other = await listen({ handler, host: '127.0.0.1', port: 0, env })
    const connection = await rawConnection(other.port)
    connection.send(subscribe)
    await connection.until(/(HEARTBEAT.*){3}\r\n/s)
    await other.close()
    await connection.closed
    expect(connection.received().endsWith('\r\n0\r\n\r\n')).toBe(true)
    expect(streamEnds).toEqual([CLOSED_BY_HOST])
  })
})
