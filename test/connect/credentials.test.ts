// Who the connector is outward: signatures checked by another hand, secrets by file and environment only.
import { createHash, createHmac } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { basicFrom, PASSED, readSecret, signing } from '../../connect/credentials.ts'
import { below } from '../../connect/far-end.ts'
import { address } from '../../connect/options.ts'
import { systemClock } from '../../protocol/clock.ts'

const SECRET = 'secret/of+us'

describe('signatures', () => {
  const before = { ...process.env }
  beforeEach(() => {
    process.env.AWS_ACCESS_KEY_ID = 'AKIDOFUS'
    process.env.AWS_SECRET_ACCESS_KEY = SECRET
    process.env.AWS_SESSION_TOKEN = 'session'
  })
  afterEach(() => {
    process.env = { ...before }
  })

  test.each([
    ['/api/v1/scheduler', '{"type":"REVIVE"}', 'POST'],
    ['/api/v1/meseta', '{"type":"EVENTS","events":{"confirm":["ü"]}}', 'POST'],
    ['/files/read?path=%2Fa%20b&offset=0', '', 'GET'],
    ['/slave%281%29/state', '', 'GET'],
    ['/x?b=2&a=1&a=0', '', 'GET'],
  ])('%s is signed as API Gateway counts it', async (target, text, method) => {
    const credentials = await signing({ region: 'eu-west-1', clock: systemClock })
    const url = below(new URL('https://abc.execute-api.eu-west-1.amazonaws.com/prod/'), target)
    const body = Buffer.from(text)
    const headers = await credentials.authorize({
      method,
      url,
      headers: { 'content-type': 'application/json', authorization: 'Basic x', 'mesos-stream-id': 's' },
      body,
    })
    expect(headers['mesos-stream-id']).toBe('s')
    expect(headers['x-amz-security-token']).toBe('session')
    expect(headers.authorization).toBe(expected({ method, url, headers, body }))
  })
})

/** Signature Version 4, from its description. */
function expected(given: {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}): string {
  const { method, url, headers, body } = given
  const hash = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex')
  const mac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest()
  const [, signedNames = ''] = /SignedHeaders=([^,]+)/.exec(headers.authorization ?? '') ?? []
  const escaped = (part: string) =>
    encodeURIComponent(part).replace(
      /[!'()*]/g,
      (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
    )
  const query = [...url.searchParams]
    .map(([name, value]) => `${escaped(name)}=${escaped(value)}`)
    .sort()
    .join('&')
  const canonical = [
    method,
    url.pathname.split('/').map(escaped).join('/'),
    query,
    ...signedNames.split(';').map((name) => `${name}:${headers[name]?.trim()}`),
    '',
    signedNames,
    hash(body),
  ].join('\n')
  const time = headers['x-amz-date'] ?? ''
  const scope = `${time.slice(0, 8)}/eu-west-1/execute-api/aws4_request`
  const text = ['AWS4-HMAC-SHA256', time, scope, hash(canonical)].join('\n')
  const key = ['eu-west-1', 'execute-api', 'aws4_request'].reduce<Buffer>(
    (one, part) => mac(one, part),
    mac(`AWS4${SECRET}`, time.slice(0, 8)),
  )
  expect(signedNames.split(';')).toEqual(
    expect.arrayContaining(['host', 'x-amz-date', 'x-amz-security-token']),
  )
  return `AWS4-HMAC-SHA256 Credential=AKIDOFUS/${scope}, SignedHeaders=${signedNames}, Signature=${mac(key, text).toString('hex')}`
}

describe('secrets', () => {
  const folder = mkdtempSync(join(tmpdir(), 'meseta-secret-'))
  const file = join(folder, 'secret')
  afterEach(() => rmSync(file, { force: true }))
  afterAll(() => rmSync(folder, { recursive: true }))
  const url = 'https://example.com/prod'

  test.each(['644', '640', '604', '666'])('a file of mode %s is refused, with the way to mend it', (mode) => {
    writeFileSync(file, 'pass word\n', { mode: 0o600 })
    expect(readSecret(file)).toBe('pass word')
    chmodSync(file, Number.parseInt(mode, 8))
    expect(() => readSecret(file)).toThrow(/chmod 600/)
  })

  test('a file that is empty or not there is said so', () => {
    expect(() => readSecret(file)).toThrow(/cannot be read/)
    writeFileSync(file, '\n', { mode: 0o600 })
    expect(() => readSecret(file)).toThrow(/empty/)
  })

  test('a flag counts before the environment, each by itself', async () => {
    writeFileSync(file, 'of-file', { mode: 0o600 })
    const environment = { MESETA_PRINCIPAL: 'env', MESETA_SECRET: 'of-env' }
    const said = async (given: object) => {
      const credentials = basicFrom({ url, ...given }, environment)
      const { authorization = '' } = (await credentials?.authorize(unsigned(url))) ?? {}
      return Buffer.from(authorization.slice('Basic '.length), 'base64').toString()
    }
    expect(await said({})).toBe('env:of-env')
    expect(await said({ principal: 'me' })).toBe('me:of-env')
    expect(await said({ secretFile: file })).toBe('env:of-file')
    expect(await said({ principal: 'me', secretFile: file })).toBe('me:of-file')
    expect(basicFrom({ url }, {})).toBeUndefined()
  })

  test('half of it, or one that cannot be sent, is a sentence without the secret', () => {
    const asked = (given: object, environment: NodeJS.ProcessEnv) => () =>
      basicFrom({ url, ...given }, environment)
    expect(asked({ principal: 'me' }, {})).toThrow(/give --secret-file, or set MESETA_SECRET/)
    expect(asked({}, { MESETA_SECRET: 'hush' })).toThrow(/^a secret needs its principal: give --principal/)
    expect(asked({ principal: 'a:b' }, { MESETA_SECRET: 'hush' })).toThrow(/^the principal a:b holds a colon/)
  })

  test.each(['http://10.0.0.5:5050', 'http://127.evil.example/', 'http://localhost.evil.example'])(
    'does not go to %s, neither ours nor the framework’s',
    async (clear) => {
      const environment = { MESETA_PRINCIPAL: 'me', MESETA_SECRET: 'hush' }
      expect(() => basicFrom({ url: clear }, environment)).toThrow(/in the clear; use its https address/)
      const request = unsigned(clear)
      expect(await PASSED.authorize(request)).toEqual({})
      const headers = { authorization: 'Basic x' }
      await expect(PASSED.authorize({ ...request, headers })).rejects.toThrow(/in the clear/)
    },
  )

  test.each(['http://127.0.0.1:5050', 'http://localhost:4566/x', 'http://[::1]:1', 'https://10.0.0.5'])(
    'goes to %s',
    (safe) => {
      const environment = { MESETA_PRINCIPAL: 'me', MESETA_SECRET: 'hush' }
      expect(basicFrom({ url: safe }, environment)?.kind).toBe('basic')
    },
  )

  const unsigned = (to: string) => ({ method: 'GET', url: new URL(to), headers: {}, body: Buffer.alloc(0) })
})

describe('where it listens', () => {
  test.each([
    ['5051', '127.0.0.1', 5051],
    ['127.0.0.1:0', '127.0.0.1', 0],
    ['0.0.0.0:5050', '0.0.0.0', 5050],
    ['[::1]:5050', '::1', 5050],
  ])('%s', (text, host, port) => {
    expect(address(text)).toEqual({ host, port })
  })

  test.each(['', 'host', ':5050', '70000', '::1:5050'])('not at "%s"', (text) => {
    expect(() => address(text)).toThrow()
  })
})
