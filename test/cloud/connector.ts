// `meseta connect` as a process in front of the deployed cluster, and the command `meseta` through it.
import { execFile, spawn } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '../../local/free-port.ts'
import { ROOT } from '../vitest.ts'
import { type Cloud, PRINCIPAL, variablesOfPrincipal } from './cloud.ts'

export interface Connector {
  readonly url: string
  readonly pid: number
  readonly lines: readonly string[]
  /** Its status when it was asked to end. */
  stop(): Promise<number | null>
  /** Runs the command with this address; gives what it printed, whatever its status. */
  meseta(...args: readonly string[]): Promise<string>
}

export async function startConnector(cloud: Cloud): Promise<Connector> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const args = [
    'connect/main.ts',
    '--url',
    cloud.url,
    '--principal',
    PRINCIPAL,
    '--listen',
    `127.0.0.1:${port}`,
  ]
  const env = { ...process.env, ...variablesOfPrincipal }
  const child = spawn(process.execPath, [join(ROOT, 'bin', 'run.js'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
  })
  const lines: string[] = []
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  const atExit = () => void child.kill('SIGKILL')
  process.once('exit', atExit)
  await new Promise<void>((resolve, reject) => {
    const take = (chunk: Buffer) => {
      lines.push(...String(chunk).trimEnd().split('\n'))
      if (lines.some((line) => / ready: /.test(line))) resolve()
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    void ended.then(() => reject(new Error(`the connector ended:\n${lines.join('\n')}`)))
  })
  return {
    url,
    pid: child.pid ?? 0,
    lines,
    async stop() {
      process.off('exit', atExit)
      child.kill('SIGTERM')
      return await ended
    },
    async meseta(...command) {
      const parts = [join(ROOT, 'bin', 'meseta.js'), '--master', url, ...command]
      const options = { timeout: 120_000, env: { ...process.env, NO_COLOR: '1' } }
      try {
        const { stdout, stderr } = await promisify(execFile)(process.execPath, parts, options)
        return `${stdout}${stderr}`
      } catch (error) {
        const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
        return `${stdout}${stderr}${String(error)}`
      }
    },
  }
}
