// Signed calls of an agent: as API Gateway would check them, computed here anew from what was sent.
import { createHash, createHmac } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { httpControlPlane } from '../../agent/control-plane.ts'
import { signing } from '../../agent/signing.ts'
import { systemClock } from '../../protocol/clock.ts'

const CALL = { type: 'SYNC', agentId: 'm-Sé', incarnation: 1, applied: 0 } as const
const URL_ON_AWS = 'https://a1b2.execute-api.eu-west-1.amazonaws.com/prod/'
const AT = Date.parse('2026-11-22T17:00:00Z')
const clock = { ...systemClock, now: () => AT }

afterEach(() => void vi.unstubAllEnvs())

/** Signature Version 4, without any code of the signer. */
function expected(headers: Readonly<Record<string, string>>, path: string, body: string): string {
  const hex = (text: string) => createHash('sha256').update(text).digest('hex')
  const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
  const names = /SignedHeaders=([^,]+)/.exec(headers.authorization ?? '')?.[1] ?? ''
  const lines = names.split(';').map((name) => `${name}:${headers[name]?.trim()}\n`)
  const canonical = ['POST', path, '', lines.join(''), names, hex(body)].join('\n')
  const date = headers['x-amz-date'] ?? ''
  const scope = `${date.slice(0, 8)}/eu-west-1/execute-api/aws4_request`
  const toSign = ['AWS4-HMAC-SHA256', date, scope, hex(canonical)].join('\n')
  const parts = [date.slice(0, 8), 'eu-west-1', 'execute-api', 'aws4_request']
  const key = parts.reduce<string | Buffer>(hmac, 'AWS4secret')
  return createHmac('sha256', key).update(toSign).digest('hex')
}

function asRole(): void {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
  vi.stubEnv('AWS_SESSION_TOKEN', 'the session')
}

describe('R16 a call to AWS', () => {
  test('A6 is signed over host, path with its stage, session and body; the region is in the name', async () => {
    asRole()
    const url = new URL('api/v1/agent', URL_ON_AWS)
    const body = JSON.stringify(CALL)
    const sent = await signing(
      clock,
      undefined,
    )({ url, headers: { 'content-type': 'application/json' }, body })
    expect(sent).toMatchObject({
      'content-type': 'application/json',
      'x-amz-security-token': 'the session',
      'x-amz-date': '20261122T170000Z',
    })
    expect(sent.authorization).toContain('SignedHeaders=content-type;host;')
    const whole = { ...sent, host: url.host }
    expect(sent.authorization).toContain(`Signature=${expected(whole, '/prod/api/v1/agent', body)}`)
  })

  test('at a name of one’s own needs the region', async () => {
    asRole()
    const request = { url: new URL('https://cluster.example/api/v1/agent'), headers: {}, body: '' }
    await expect(signing(clock, undefined)(request)).rejects.toThrow('AWS_REGION is not set')
    expect((await signing(clock, 'eu-west-1')(request)).authorization).toContain('/eu-west-1/execute-api/')
  })
})

describe('the link', () => {
  async function heard(url: (port: number) => string, sign?: Parameters<typeof httpControlPlane>[2]) {
    const got: IncomingHttpHeaders[] = []
    const server = createServer((request, response) => {
      got.push(request.headers)
      request.resume().on('end', () => response.end('{"kind":"register-again"}'))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      const plane = httpControlPlane(url((server.address() as AddressInfo).port), undefined, sign)
      const answer = await plane.call(CALL)
      plane.close()
      return { answer, headers: got[0] }
    } finally {
      server.closeAllConnections()
      server.close()
    }
  }

  test('on one machine nothing is signed', async () => {
    const { answer, headers } = await heard((port) => `http://127.0.0.1:${port}`)
    expect(answer).toEqual({ kind: 'register-again' })
    expect(headers).not.toHaveProperty('authorization')
  })

  test('what is signed is what is sent', async () => {
    asRole()
    const { headers } = await heard((port) => `http://127.0.0.1:${port}/prod`, signing(clock, 'eu-west-1'))
    const plain = Object.fromEntries(
      Object.entries(headers ?? {}).map(([name, value]) => [name, String(value)]),
    )
    const signature = expected(plain, '/prod/api/v1/agent', JSON.stringify(CALL))
    expect(plain.authorization).toContain(`Signature=${signature}`)
    expect(plain).toHaveProperty('meseta-version')
  })

  test('https is AWS: without credentials the call fails, and is not sent unsigned', async () => {
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE'])
      vi.stubEnv(name, undefined)
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
    vi.stubEnv('AWS_CONFIG_FILE', '/nowhere')
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nowhere')
    await expect(httpControlPlane(URL_ON_AWS).call(CALL)).rejects.toThrow(/credentials/i)
  })
})
