// The command says who it is to its cluster and to nobody else, and never says the secret anywhere else.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { credentialHeaders, headersFor, identify, readSecret } from '../../cli/credentials.ts'
import { getJson } from '../../cli/http.ts'
import { basicAuthentication } from '../../functions/http/authentication.ts'
import { ROOT } from '../vitest.ts'

const SECRET = 'hush-hush'
const ENVIRONMENT = { MESETA_PRINCIPAL: 'ops', MESETA_SECRET: SECRET }
const SENT = `Basic ${Buffer.from(`ops:${SECRET}`).toString('base64')}`
/** The secret in any form in which it may be found. */
const LEAKED = new RegExp(`${SECRET}|${SENT.slice('Basic '.length)}`)

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'meseta-secret-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const servers: Server[] = []
afterEach(() => {
  vi.unstubAllEnvs()
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})

async function serving(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** The header each request came with. */
async function listening(
  status = 200,
): Promise<{ readonly url: string; readonly seen: (string | undefined)[] }> {
  const seen: (string | undefined)[] = []
  const url = await serving(({ headers }, answer) => {
    seen.push(headers.authorization)
    answer.writeHead(status).end('{"slaves":[],"frameworks":[],"completed_frameworks":[]}')
  })
  return { url, seen }
}

function fileOf(content: string, mode = 0o600): string {
  const file = join(folder, `secret-${crypto.randomUUID()}`)
  writeFileSync(file, content, { mode })
  return file
}

describe('who we are', () => {
  test('is nobody when nothing is given', () => {
    expect(credentialHeaders({}, {})).toEqual({})
  })

  test('is what the cluster takes, colons and umlauts of a secret included', () => {
    const { Authorization } = credentialHeaders({}, { MESETA_PRINCIPAL: 'ops', MESETA_SECRET: 'a:ö' })
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

  test('is said by flag before it is by environment, each by itself', () => {
    const secretFile = fileOf('of-file\n')
    const said = (flags: object) =>
      Buffer.from((credentialHeaders(flags, ENVIRONMENT).Authorization ?? '').slice(6), 'base64').toString()
    expect(said({})).toBe(`ops:${SECRET}`)
    expect(said({ principal: 'me' })).toBe(`me:${SECRET}`)
    expect(said({ secretFile })).toBe('ops:of-file')
    expect(said({ principal: 'me', secretFile })).toBe('me:of-file')
  })

  test.each([
    [{ MESETA_PRINCIPAL: 'ops' }, 'give --secret-file, or set MESETA_SECRET'],
    [{ MESETA_SECRET: SECRET }, 'give --principal, or set MESETA_PRINCIPAL'],
    [{ MESETA_PRINCIPAL: 'a:b', MESETA_SECRET: SECRET }, 'colon'],
  ])('half of it is an error without the secret: %o', (environment, words) => {
    const asked = () => credentialHeaders({}, environment)
    expect(asked).toThrow(words)
    expect(asked).not.toThrow(SECRET)
  })

  test.each(['644', '640', '604', '620'])('a file of mode %s is refused, with the way to mend it', (mode) => {
    const file = fileOf(SECRET)
    expect(readSecret(file)).toBe(SECRET)
    const open = fileOf(SECRET)
    chmodSync(open, Number.parseInt(mode, 8))
    expect(() => readSecret(open)).toThrow(
      `others can read ${open}; take that right away with: chmod 600 ${open}`,
    )
  })

  test('a file that is empty or not there is said so', () => {
    expect(() => readSecret(fileOf('\n'))).toThrow(/is empty; write the secret into it/)
    expect(() => readSecret(join(folder, 'none'))).toThrow(/the secret cannot be read: ENOENT/)
  })
})

describe('whom we tell', () => {
  test.each([
    'http://10.0.0.5:5050',
    'http://master',
    'http://127.evil.example',
    'http://localhost.evil.example',
  ])('S22: nobody at %s, where it would be read on the way', (url) => {
    const asked = () => identify(url, {}, ENVIRONMENT)
    expect(asked).toThrow(/in the clear; use its https address, or a tunnel: ssh -L/)
    expect(asked).not.toThrow(LEAKED)
    expect(() => identify(url, {}, {})).not.toThrow()
  })

  test.each(['http://127.0.0.1:5050', 'http://localhost:4566/x', 'http://[::1]:1', 'https://10.0.0.5/prod'])(
    'who answers at %s',
    (url) => {
      identify(url, {}, ENVIRONMENT)
      expect(headersFor(`${url}/api/v1`)).toEqual({ Authorization: SENT })
    },
  )

  test('the cluster, and neither agents nor whoever it sends us to', async () => {
    const agent = await listening()
    const elsewhere = await listening()
    const cluster = await listening()
    const lost = await serving(
      (_, answer) => void answer.writeHead(307, { location: `${elsewhere.url}/x` }).end(),
    )
    identify(cluster.url, {}, ENVIRONMENT)
    await getJson(`${cluster.url}/state`)
    await getJson(`${agent.url}/state`)
    identify(lost, {}, ENVIRONMENT)
    await getJson(`${lost}/state`)
    expect([cluster.seen, agent.seen, elsewhere.seen]).toEqual([[SENT], [undefined], [undefined]])
  })

  test('a refusal does not repeat it', async () => {
    const { url, seen } = await listening(401)
    identify(url, {}, {})
    await expect(getJson(`${url}/state`)).rejects.toThrow('give --principal and --secret-file')
    identify(url, {}, ENVIRONMENT)
    const failed = await getJson(`${url}/state`).catch((error: unknown) => error)
    expect(String(failed)).toContain('does not know this principal with this secret')
    expect(String(failed)).not.toMatch(LEAKED)
    expect(seen).toEqual([undefined, SENT])
  })
})

describe('the command', () => {
  async function meseta(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const child = spawn(process.execPath, [join(ROOT, 'bin', 'meseta.js'), ...args], {
      env: { ...process.env, MESETA_CONFIG: join(folder, 'config.json'), MESETA_DEBUG: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
    const [code] = await once(child, 'close')
    return { code, output }
  }

  test('takes principal and secret file, and both of the environment', async () => {
    const { url, seen } = await listening()
    const flags = ['--principal', 'ops', '--secret-file', fileOf(`${SECRET}\n`)]
    expect(await meseta(['--master', url, ...flags, 'agents'])).toMatchObject({ code: 0 })
    expect(await meseta(['--master', url, 'agents'], ENVIRONMENT)).toMatchObject({ code: 0 })
    expect(seen).toEqual([SENT, SENT])
  })

  test('S22: help, completion, settings and errors do not show it', async () => {
    const { url } = await listening(401)
    for (const [args, code] of [
      [['--help'], 0],
      [['completion', 'bash'], 0],
      [['config', 'set', 'here', '--url', url], 0],
      [['config', 'list'], 0],
      [['--master', url, 'agents'], 4],
      [['--master', 'http://10.0.0.5', 'agents'], 2],
      [['--secret', SECRET, 'agents'], 2],
      [['--master', url, '--secret-file', fileOf(SECRET, 0o644), 'agents'], 2],
    ] as const) {
      const ended = await meseta(args, ENVIRONMENT)
      expect([args, ended.code]).toEqual([args, code])
      expect(ended.output).not.toMatch(LEAKED)
    }
    expect(readFileSync(join(folder, 'config.json'), 'utf8')).not.toMatch(LEAKED)
  })

  test('A21: an agent that it starts has nothing of it in its environment', async () => {
    const workDir = join(folder, 'agent')
    const args = ['--master', 'http://127.0.0.1:1', 'agent', 'start', '--work-dir', workDir, '--port', '0']
    const command = spawn(process.execPath, [join(ROOT, 'bin', 'meseta.js'), ...args], {
      env: { ...process.env, ...ENVIRONMENT },
      stdio: 'ignore',
    })
    try {
      const agent = await vi.waitUntil(() => agentIn(workDir), { timeout: 20_000 })
      const variables = readFileSync(`/proc/${agent}/environ`, 'utf8')
      expect(variables).toContain('PATH=')
      expect(variables).not.toMatch(/MESETA_SECRET|MESETA_PRINCIPAL|hush/)
      expect(readFileSync(`/proc/${agent}/cmdline`, 'utf8')).not.toMatch(LEAKED)
    } finally {
      command.kill('SIGTERM')
      await once(command, 'close')
    }
  })

  function agentIn(workDir: string): string | undefined {
    return readdirSync('/proc').find((pid) => {
      try {
        const line = /^\d+$/.test(pid) ? readFileSync(`/proc/${pid}/cmdline`, 'utf8') : ''
        return line.includes('agent/main.ts') && line.includes(workDir)
      } catch {
        return false
      }
    })
  }
})
