// `meseta connect` as people start it: what it prints, how it ends.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { send } from '../framework.ts'
import { ROOT } from '../vitest.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function serving(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
}

const meseta: RequestListener = (_, answer) =>
  void answer.writeHead(400).end("The field 'framework_id' must be an id")

/** Runs until it ends, or until it is ready and `whenReady` is done: then it is asked to end. */
async function connect(
  args: readonly string[],
  whenReady: (url: string) => Promise<void> = async () => {},
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(process.execPath, [join(ROOT, 'bin', 'meseta.js'), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let isReady = false
  const take = (chunk: Buffer) => {
    output += String(chunk)
    const [, url] = / ready: .*(http:\S+)/.exec(output) ?? []
    if (url === undefined || isReady) return
    isReady = true
    whenReady(url).finally(() => child.kill('SIGTERM'))
  }
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  const [code] = await once(child, 'close')
  return { code, output }
}

describe('meseta connect', () => {
  test('is ready, passes on, and ends with 0 when it is asked to', async () => {
    const url = await serving(meseta)
    let status = 0
    const { code, output } = await connect(['connect', '--url', url, '--listen', '0'], async (here) => {
      status = (await send(`${here}/api/v1`, { body: '{}' })).status
    })
    expect(output).toMatch(/a Meseta answers at/)
    expect([status, code]).toEqual([400, 0])
  })

  test('takes the address of --master too', async () => {
    const url = await serving(meseta)
    expect((await connect(['--master', url, 'connect', '--listen', '0'])).code).toBe(0)
  })

  test('waits for a cluster that is away', async () => {
    const { code, output } = await connect(['connect', '--url', 'http://127.0.0.1:1', '--listen', '0'])
    expect(output).toMatch(/does not answer \(ECONNREFUSED\); calls are tried again/)
    expect(code).toBe(0)
  })

  test('ends with 4 where there is no Meseta, and where it may not speak', async () => {
    const page = await serving((_, answer) => void answer.end('<html>'))
    const none = await connect(['connect', '--url', page])
    expect([none.code, none.output]).toEqual([
      4,
      expect.stringMatching(/there is no Meseta at .*; check --url/),
    ])
    const shut = await serving((_, answer) => void answer.writeHead(401).end())
    const asked = await connect(['connect', '--url', shut, '--principal', 'me'], undefined, {
      MESETA_SECRET: 'hush-hush',
    })
    expect([asked.code, asked.output]).toEqual([
      4,
      expect.stringMatching(/does not know this principal with this secret/),
    ])
    expect(asked.output).not.toContain('hush')
  })

  test('ends with 2 when an option is wrong, a secret is missing, or the address is taken', async () => {
    const url = await serving(meseta)
    const taken = new URL(url).host
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [['connect'], /--url/],
      [['connect', '--url', 'here'], /is a URL such as/],
      [['connect', '--url', 'http://me:pass@x'], /use --principal/],
      [['connect', '--url', url, '--listen', 'here'], /host:port/],
      [['connect', '--url', url, '--principal', 'me'], /--secret-file/],
      [['--principal', 'me', 'connect', '--url', url], /--secret-file/],
      [['connect', '--url', url, '--principal', 'me', '--sign'], /choose one/],
      [['connect', '--url', url, '--listen', taken], /cannot listen at .*EADDRINUSE/],
    ]
    for (const [args, sentence] of cases) {
      const { code, output } = await connect(args)
      expect([args, code, output]).toEqual([args, 2, expect.stringMatching(sentence)])
    }
  })
})
