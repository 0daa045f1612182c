// MiniStack for tests: AWS's services on loopback, from PyPI, into a folder that git ignores. Needs python3, no Docker.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort } from '../local/free-port.ts'
import { ROOT } from './vitest.ts'

const VERSION = '1.5.33'
const FOLDER = join(ROOT, 'node_modules', '.cache', `ministack-${VERSION}`)
const DONE = join(FOLDER, 'installed')
const INSTALL_MS = 180_000
const START_MS = 30_000

export interface MiniStack {
  readonly endpoint: string
  stop(): Promise<void>
}

/** Whoever cannot have it is told why: no python3, no pip, no network. */
export interface Skipped {
  readonly skipped: string
}

/** Installs it once, at a pinned version, and starts it on a free port of loopback. */
export async function startMiniStack(): Promise<MiniStack | Skipped> {
  const missing = await install()
  if (missing !== undefined) return { skipped: missing }
  const port = await freePort()
  const endpoint = `http://127.0.0.1:${port}`
  const child = spawn(join(FOLDER, 'bin', 'ministack'), [], {
    stdio: 'ignore',
    env: {
      ...process.env,
      // Its own default is every interface of the machine.
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      LOG_LEVEL: 'WARNING',
    },
  })
  // A test run that is killed leaves nobody behind.
  const end = () => void child.kill('SIGKILL')
  process.once('exit', end)
  const stop = async () => {
    process.off('exit', end)
    child.kill('SIGTERM')
    await Promise.race([exited(child), wait(2_000, undefined, { ref: false })])
    child.kill('SIGKILL')
  }
  if (await answers(endpoint, child)) return { endpoint, stop }
  await stop()
  return { skipped: `MiniStack ${VERSION} did not answer within ${START_MS / 1_000} s` }
}

/** Undefined when it is there; else the reason. Two at once agree by a folder that only one can make. */
async function install(): Promise<string | undefined> {
  const lock = `${FOLDER}.lock`
  mkdirSync(join(ROOT, 'node_modules', '.cache'), { recursive: true })
  for (let waited = 0; waited < INSTALL_MS; waited += 500) {
    if (existsSync(DONE)) return undefined
    try {
      mkdirSync(lock)
      break
    } catch {
      await wait(500)
    }
  }
  try {
    return existsSync(DONE) ? undefined : await make()
  } finally {
    rmSync(lock, { recursive: true, force: true })
  }
}

async function make(): Promise<string | undefined> {
  const run = promisify(execFile)
  const options = { timeout: INSTALL_MS }
  try {
    await run('python3', ['-m', 'venv', FOLDER], options)
  } catch (error) {
    return `no virtual environment of python3 could be made: ${firstLine(error)}`
  }
  try {
    const args = ['install', '--quiet', '--disable-pip-version-check', `ministack==${VERSION}`]
    await run(join(FOLDER, 'bin', 'pip'), args, options)
  } catch (error) {
    return `pip could not install ministack==${VERSION}: ${firstLine(error)}`
  }
  writeFileSync(DONE, VERSION)
  return undefined
}

async function answers(endpoint: string, child: ChildProcess): Promise<boolean> {
  for (let waited = 0; waited < START_MS && child.exitCode === null; waited += 100) {
    const isUp = await fetch(`${endpoint}/_ministack/health`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (isUp) return true
    await wait(100)
  }
  return false
}

function exited(child: ChildProcess): Promise<unknown> {
  return child.exitCode === null ? new Promise((resolve) => child.once('exit', resolve)) : Promise.resolve()
}

function firstLine(error: unknown): string {
  const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : ''
  const text = said.trim() === '' ? String(error) : said.trim()
  return text.split('\n').at(-1) ?? ''
}
