// A page that a browser on this machine shows must not run tasks on the cluster that listens beside it.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startCluster, type TestCluster } from '../cluster.ts'
import { send } from '../framework.ts'

let cluster: TestCluster
beforeAll(async () => {
  cluster = await startCluster({ agents: 0, store: 'memory' })
})
afterAll(() => cluster.stop())

const BROWSER = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0' }
const own = () => new URL(cluster.url).host

async function asked(headers: Readonly<Record<string, string>>, method = 'POST'): Promise<number> {
  const path = method === 'GET' ? '/state?jsonp=stolen' : '/api/v1'
  const body = method === 'GET' ? {} : { body: '{"type":"GET_HEALTH"}' }
  const { status } = await send(`${cluster.url}${path}`, {
    method,
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
    ...body,
  })
  return status
}

test.each<[string, () => Readonly<Record<string, string>>, string]>([
  [
    'a form of another site',
    () => ({ origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }),
    'POST',
  ],
  ['a form of a page without an origin', () => ({ origin: 'null' }), 'POST'],
  ['a script tag of another site', () => ({ ...BROWSER, 'sec-fetch-site': 'cross-site' }), 'GET'],
  ['a page of another port', () => ({ origin: 'http://127.0.0.1:1', 'sec-fetch-site': 'same-site' }), 'POST'],
  [
    'a name that only points here',
    () => ({ ...BROWSER, host: 'evil.example:5050', origin: 'http://evil.example:5050' }),
    'POST',
  ],
  ['the same, reading', () => ({ ...BROWSER, host: 'evil.example:5050' }), 'GET'],
])('%s is refused', async (_, headers, method) => {
  expect(await asked(headers(), method)).toBe(403)
})

test.each<[string, () => Readonly<Record<string, string>>]>([
  ['programs, by whatever name', () => ({ host: 'mesos.internal:5050' })],
  ['a person who types the address', () => ({ ...BROWSER, 'sec-fetch-site': 'none' })],
  ['a browser of old', () => BROWSER],
  ['pages of its own', () => ({ ...BROWSER, origin: `http://${own()}`, 'sec-fetch-site': 'same-origin' })],
])('%s may', async (_, headers) => {
  expect([await asked(headers()), await asked(headers(), 'GET')]).toEqual([200, 200])
})
