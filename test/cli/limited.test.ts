// A cluster that limits our calls: the command comes back when it is told to, and gives up when that is long.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { getJson } from '../../cli/http.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})

/** Refuses so many requests, with this header, then answers. */
async function limited(refusals: number, retryAfter: string | undefined) {
  let asked = 0
  const server = createServer((_, answer) => {
    asked++
    if (asked > refusals) return void answer.end('{}')
    const headers: Record<string, string> = retryAfter === undefined ? {} : { 'retry-after': retryAfter }
    answer.writeHead(429, headers).end('too many')
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/state`, asked: () => asked }
}

test('a refusal that says when is waited for', async () => {
  const { url, asked } = await limited(2, '0')
  expect(await getJson(url)).toEqual({})
  expect(asked()).toBe(3)
})

test.each([
  [99, '0', 5],
  [1, '11', 1],
  [1, 'Wed, 21 Oct 2026 07:28:00 GMT', 1],
  [1, undefined, 1],
])('%i refusals that say %s: said to people after %i tries', async (refusals, retryAfter, tries) => {
  const { url, asked } = await limited(refusals, retryAfter)
  await expect(getJson(url)).rejects.toThrow('refused (429): too many')
  expect(asked()).toBe(tries)
})
