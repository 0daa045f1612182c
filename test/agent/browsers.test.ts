// A page that a browser on this machine shows must not read sandboxes of the agent that listens beside it.
import { afterEach, expect, test } from 'vitest'
import { text } from '../../agent/api/http.ts'
import { type AgentServer, listen } from '../../agent/api/server.ts'
import { send } from '../framework.ts'

const BROWSER = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0' }
const log = { info() {}, warn() {}, error() {} }

const servers: AgentServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

async function asked(host: string, headers: Readonly<Record<string, string>>): Promise<number> {
  const server = await listen({ host, port: 0, handler: () => text(200, 'files'), log })
  servers.push(server)
  const url = `http://127.0.0.1:${server.port}/files/browse?path=/&jsonp=stolen`
  return (await send(url, { method: 'GET', headers })).status
}

test.each([
  ['a script tag of another site', { ...BROWSER, 'sec-fetch-site': 'cross-site' }],
  ['another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
  ['a page without an origin', { origin: 'null' }],
  ['a name that only points here', { ...BROWSER, host: 'evil.example:5051' }],
])('A14: %s is refused on loopback', async (_, headers) => {
  expect(await asked('127.0.0.1', headers)).toBe(403)
})

test.each([
  ['programs, by whatever name', { host: 'agent.internal:5051' }],
  ['a person who types the address', { ...BROWSER, 'sec-fetch-site': 'none' }],
  ['the page of the control plane', { origin: 'http://127.0.0.1:5050', 'sec-fetch-site': 'same-site' }],
  ['its script tags', { ...BROWSER, 'sec-fetch-site': 'same-site' }],
])('%s may', async (_, headers) => {
  expect(await asked('127.0.0.1', headers)).toBe(200)
})

test('an agent on a network is read by pages of its cluster, whatever their names', async () => {
  expect(await asked('0.0.0.0', { ...BROWSER, host: 'agent-1:5051', 'sec-fetch-site': 'cross-site' })).toBe(
    200,
  )
})
