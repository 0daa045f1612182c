// Whom a webhook may reach, and what an endpoint can do to us: A15 in all its spellings, slow and endless answers.

import { createHmac } from 'node:crypto'
import { createServer, type RequestListener, type Server } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { isLoopback, isPublic } from '../../../functions/notifier/addresses.ts'
import { ownQueue } from '../../../functions/notifier/own-queue.ts'
import { signature, webhook } from '../../../functions/notifier/webhook.ts'
import type { Letter, Parcel } from '../../../functions/ports/outlets.ts'
import { systemClock } from '../../../protocol/clock.ts'
import { movedClock } from '../../moved-clock.ts'
import { startWorld } from '../scheduler/world.ts'
import { labels, recordsOf, subscribeDelivered } from './hook.ts'

const servers: Server[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`
}

function letters(count: number): Letter[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `id-${index}`,
    subject: `t${index}`,
    event: `{"n":${index}}`,
  }))
}

function parcel(url: string, count = 1): Parcel {
  const to = { kind: 'webhook', url, secret: 's'.repeat(32) } as const
  return { frameworkId: 'f', streamId: 'x', number: 1, to, letters: letters(count) }
}

const resolvingTo =
  (...addresses: string[]) =>
  async () =>
    addresses
const onAws = (resolve = resolvingTo('93.184.216.34')) =>
  webhook({ clock: systemClock, allowsLoopback: false, resolve })
const here = () => webhook({ clock: systemClock, allowsLoopback: true })

describe('A15: whom a webhook may reach', () => {
  test.each([
    'http://example.com/',
    'http://127.0.0.1/',
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0177.0.0.1/',
    'https://127.1/',
    'https://[::1]/',
    'https://[::]/',
    'https://0.0.0.0/',
    'https://10.1.2.3/',
    'https://172.16.0.1/',
    'https://192.168.1.1/',
    'https://100.64.0.1/',
    'https://169.254.169.254/latest/meta-data/',
    'https://0xa9fea9fe/',
    'https://2852039166/',
    'https://[::ffff:169.254.169.254]/',
    'https://[::ffff:a9fe:a9fe]/',
    'https://[64:ff9b::169.254.169.254]/',
    'https://[2002:a9fe:a9fe::1]/',
    'https://[fd00:ec2::254]/',
    'https://[fe80::1]/',
    'https://224.0.0.1/',
    'https://255.255.255.255/',
    'https://user:password@example.com/',
    'https://example.com:22/',
    'https://example.com:25/',
    'file:///etc/passwd',
    'gopher://example.com/',
    'ftp://example.com/',
    '//example.com/',
    'nonsense',
    '',
  ])('%s is refused', async (url) => {
    expect(await onAws().refusal(url)).toEqual(expect.any(String))
    const sent = await onAws(resolvingTo('127.0.0.1')).send(parcel(url))
    expect(sent).toMatchObject({ taken: [], failed: expect.any(String) })
  })

  test.each([
    ['127.0.0.1'],
    ['169.254.169.254'],
    ['10.0.0.1'],
    ['::1'],
    ['fd00::1'],
    ['::ffff:127.0.0.1'],
    // One wrong address among good ones is enough: which one is called is not ours to choose.
    ['93.184.216.34', '127.0.0.1'],
    [],
  ])('a name that leads to %s is refused', async (...addresses) => {
    expect(await onAws(resolvingTo(...addresses)).refusal('https://example.com/')).toEqual(expect.any(String))
  })

  test('a name that leads elsewhere when it is called reaches nobody (DNS rebinding)', async () => {
    let reached = 0
    const url = new URL(await serve(() => void reached++))
    let isFirst = true
    const hook = onAws(async () => {
      const addresses = isFirst ? ['93.184.216.34'] : ['127.0.0.1']
      isFirst = false
      return addresses
    })
    const target = `https://example.com:${url.port}/`
    expect(await hook.refusal(target)).toBeUndefined()
    const sent = await hook.send(parcel(target))
    expect(sent.failed).toBe('example.com leads to 127.0.0.1, which is no public address')
    expect(reached).toBe(0)
  })

  test('a name without addresses says so, and that it is worth another try', async () => {
    const failing = onAws(() => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' })))
    expect(await failing.refusal('https://example.com/')).toBe(
      'the addresses of example.com are not known (ENOTFOUND); try again',
    )
  })

  test('public addresses are allowed', async () => {
    for (const url of ['https://example.com/hook', 'https://example.com:8443/', 'https://93.184.216.34/'])
      expect(await onAws().refusal(url)).toBeUndefined()
    for (const address of ['1.1.1.1', '172.32.0.1', '2606:4700::1111']) expect(isPublic(address)).toBe(true)
    for (const address of ['', 'x', '1.1.1', '2001:db8::1', '2001::1']) expect(isPublic(address)).toBe(false)
    expect([isLoopback('127.8.8.8'), isLoopback('::1'), isLoopback('::ffff:127.0.0.1')]).toEqual([
      true,
      true,
      true,
    ])
  })

  test('where loopback is allowed, nothing else that is private is', async () => {
    for (const url of [
      'http://10.0.0.1/',
      'https://10.0.0.1/',
      'http://169.254.169.254/',
      'http://example.com/',
    ])
      expect(await here().refusal(url)).toEqual(expect.any(String))
    for (const url of ['http://127.0.0.1:8080/x', 'http://[::1]:1/', 'http://localhost:80/'])
      expect(await here().refusal(url)).toBeUndefined()
  })

  test('a redirect is not followed', async () => {
    let reached = 0
    const elsewhere = await serve(() => void reached++)
    const url = await serve((_, response) => void response.writeHead(307, { location: elsewhere }).end())
    expect(await here().send(parcel(url))).toEqual({ taken: [], refused: [], failed: 'answered 307' })
    expect(reached).toBe(0)
  })
})

describe('a queue of the framework', () => {
  const onAws = { endpoint: () => undefined, isOwn: (url: string) => url.includes('/meseta-') }

  test.each([
    'https://sqs.eu-central-1.amazonaws.com/123456789012/meseta-heartbeats.fifo',
    'https://sqs.eu-central-1.amazonaws.com/123456789012/plain',
    'https://sqs.eu-central-1.amazonaws.com.evil.example/123456789012/q.fifo',
    'https://sqs.eu-central-1.amazonaws.com@evil.example/123456789012/q.fifo',
    'https://evil.example/https://sqs.eu-central-1.amazonaws.com/123456789012/q.fifo',
    'http://sqs.eu-central-1.amazonaws.com/123456789012/q.fifo',
    'https://sqs.eu-central-1.amazonaws.com/12345/q.fifo',
    'https://sqs.eu-central-1.amazonaws.com/123456789012/q.fifo?x=1',
    'https://sqs.eu-central-1.amazonaws.com/123456789012/a/q.fifo',
    'http://127.0.0.1:4566/000000000000/q.fifo',
    '',
  ])('A15: %s is refused', (url) => {
    expect(ownQueue(onAws, systemClock).refusal(url)).toEqual(expect.any(String))
  })

  test('FIFO queues of anybody are allowed, and on an emulator its own', () => {
    const queue = ownQueue(onAws, systemClock)
    expect(queue.refusal('https://sqs.eu-central-1.amazonaws.com/123456789012/q.fifo')).toBeUndefined()
    expect(queue.refusal('https://sqs.cn-north-1.amazonaws.com.cn/123456789012/q.fifo')).toBeUndefined()
    const emulated = ownQueue({ ...onAws, endpoint: () => 'http://127.0.0.1:4566' }, systemClock)
    expect(emulated.refusal('http://127.0.0.1:4566/000000000000/q.fifo')).toBeUndefined()
  })
})

describe('what an endpoint can do to us', () => {
  test('an answer that does not come is given up after five seconds', async () => {
    const clock = movedClock()
    const url = await serve(() => {})
    const sending = webhook({ clock, allowsLoopback: true }).send(parcel(url))
    await clock.advance(4_900)
    await clock.advance(200)
    expect((await sending).failed).toBe('no answer within 5 s')
    clock.stop()
  })

  test('a body without an end is not read to its end', async () => {
    let written = 0
    const closed = Promise.withResolvers<void>()
    const url = await serve((_, response) => {
      response.writeHead(200)
      response.on('close', () => closed.resolve())
      const more = () => {
        while (!response.destroyed && written < 2 ** 30) {
          written += 65_536
          if (!response.write(Buffer.alloc(65_536))) return void response.once('drain', more)
        }
      }
      more()
    })
    expect((await here().send(parcel(url))).taken).toHaveLength(1)
    await closed.promise
    expect(written).toBeLessThan(2 ** 26)
  })

  test('a connection that breaks off is a failure with a reason', async () => {
    const url = await serve((request) => void request.socket.destroy())
    expect((await here().send(parcel(url))).failed).toBe('ECONNRESET')
  })

  test('the one event that is refused is found; all others are taken', async () => {
    const url = await serve(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      response.writeHead(body.includes('"n":5}') ? 422 : 204).end()
    })
    const sent = await here().send(parcel(url, 10))
    expect(sent.refused.map(({ id }) => id)).toEqual(['id-5'])
    expect(sent.taken).toHaveLength(9)
    expect(sent.failed).toBeUndefined()
  })

  test('any other failure is the endpoint’s, and no event is given up', async () => {
    for (const status of [301, 401, 403, 404, 429, 500, 503]) {
      const url = await serve((_, response) => void response.writeHead(status).end())
      expect(await here().send(parcel(url, 3))).toEqual({
        taken: [],
        refused: [],
        failed: `answered ${status}`,
      })
    }
  })
})

test('the signature is HMAC-SHA256 of timestamp, dot, body', () => {
  const mac = createHmac('sha256', 'secret').update('1700000000.{"a":1}').digest('hex')
  expect(signature('secret', '1700000000', '{"a":1}')).toBe(`v1=${mac}`)
})

describe('SUBSCRIBE says what is wrong', () => {
  test.each([
    [
      labels('pigeon', 'https://example.com/'),
      "The label 'meseta.delivery' must be 'stream', 'webhook' or 'sqs'",
    ],
    [labels('webhook'), "Delivery by webhook needs the label 'meseta.delivery.url'"],
    [
      labels('stream', 'https://example.com/'),
      "The label 'meseta.delivery.url' needs 'meseta.delivery' to be 'webhook' or 'sqs'",
    ],
    [
      labels('webhook', `https://example.com/${'a'.repeat(2_048)}`),
      "The label 'meseta.delivery.url' has more than 2048 characters",
    ],
    [
      labels('webhook', 'http://10.0.0.1/'),
      "Nothing can be delivered to 'meseta.delivery.url': a webhook must be reached by https",
    ],
    [
      labels('webhook', 'https://169.254.169.254/'),
      "Nothing can be delivered to 'meseta.delivery.url': 169.254.169.254 is no public address",
    ],
    [
      labels('sqs', 'https://example.com/q.fifo'),
      expect.stringContaining('the URL must be that of a FIFO queue'),
    ],
  ])('%j', async (info, message) => {
    const world = await startWorld()
    const master = world.url.slice(0, world.url.indexOf('/api'))
    const { answer } = await subscribeDelivered(master, info)
    expect(answer.status).toBe(200)
    expect(recordsOf(answer.text)).toEqual([{ type: 'ERROR', error: { message } }])
    expect((await world.env.store.query('frameworks', {})).found).toEqual([])
    await world.close()
  })

  test('a secret of one’s own is kept, and said by nobody; a short one is refused', async () => {
    const world = await startWorld({ settings: { deliverToLoopback: true } })
    const master = world.url.slice(0, world.url.indexOf('/api'))
    const info = { ...labels('webhook', 'http://127.0.0.1:9/'), id: { value: 'f' } }
    const own = 'my-own-secret-of-thirty-two-letters'
    const short = await subscribeDelivered(master, info, { 'meseta-webhook-secret': 'short' })
    expect([short.answer.status, short.answer.text]).toEqual([
      400,
      "The header 'Meseta-Webhook-Secret' must have 32 to 256 printable characters without spaces",
    ])
    const first = await subscribeDelivered(master, info, { 'meseta-webhook-secret': own })
    expect(first.secret).toBeUndefined()
    expect((await world.env.store.get('framework', { frameworkId: 'f' }))?.delivery?.secret).toBe(own)
    const polled = await subscribeDelivered(master, info, { 'meseta-delivery': 'poll' })
    expect(polled.answer.text).toContain('not both')
    const changed = {
      ...labels('webhook', 'http://127.0.0.1:10/'),
      id: { value: 'f' },
      user: 'root',
      name: 'delivered',
    }
    const updated = await first.call({
      type: 'UPDATE_FRAMEWORK',
      update_framework: { framework_info: changed },
    })
    expect([updated.status, updated.text]).toEqual([
      400,
      'The FrameworkInfo can not be updated: how events are delivered is chosen by SUBSCRIBE only',
    ])
    await world.close()
  })
})
