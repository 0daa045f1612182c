// The command says who it is only when the environment does, and never says the secret in an error.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { credentialHeaders } from '../../cli/credentials.ts'
import { getJson } from '../../cli/http.ts'
import { basicAuthentication } from '../../functions/http/authentication.ts'

afterEach(() => vi.unstubAllEnvs())

test('nothing is sent when nothing is set', () => {
  expect(credentialHeaders({})).toEqual({})
})

test('what is sent is what the cluster takes, colons and umlauts of a secret included', () => {
  const { Authorization } = credentialHeaders({ MESETA_PRINCIPAL: 'ops', MESETA_SECRET: 'a:ö' })
  const authenticate = basicAuthentication(new Map([['ops', 'a:ö']]), 'realm')
  const request = {
    method: 'GET',
    path: '/',
    query: new URLSearchParams(),
    headers: { authorization: Authorization },
    body: new Uint8Array(),
    params: {},
  }
  expect(authenticate(request)).toEqual({ principal: 'ops' })
})

test.each([
  [{ MESETA_PRINCIPAL: 'ops' }, 'set MESETA_SECRET too'],
  [{ MESETA_SECRET: 'hush' }, 'set MESETA_PRINCIPAL too'],
  [{ MESETA_PRINCIPAL: 'a:b', MESETA_SECRET: 'hush' }, 'colon'],
])('half of it is an error without the secret: %o', (environment, words) => {
  const asked = () => credentialHeaders(environment)
  expect(asked).toThrow(words)
  expect(asked).not.toThrow('hush')
})

test('calls carry it, and a refusal does not repeat it', async () => {
  vi.stubEnv('MESETA_PRINCIPAL', 'ops')
  vi.stubEnv('MESETA_SECRET', 'hush')
  const seen: (string | undefined)[] = []
  const server = createServer((request, answer) => {
    seen.push(request.headers.authorization)
    answer.writeHead(401).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/version`
    const failed = await getJson(url).catch((error: unknown) => error)
    expect(String(failed)).toContain('MESETA_PRINCIPAL')
    expect(String(failed)).not.toMatch(/hush|b3BzOmh1c2g/)
    expect(seen).toEqual(['Basic b3BzOmh1c2g='])
  } finally {
    server.close()
  }
})
