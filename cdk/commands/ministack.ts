// MiniStack: AWS's services on loopback, from PyPI, into a folder that git ignores. Needs python3, no Docker.
import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { CommandFailed, ROOT } from './run.ts'

export const MINISTACK_VERSION = '1.5.33'
const CACHE = join(ROOT, 'node_modules', '.cache')
const FOLDER = join(CACHE, `ministack-${MINISTACK_VERSION}`)
const DONE = join(FOLDER, 'installed')
const INSTALL_MS = 180_000
const START_MS = 60_000

export interface MiniStackOptions {
  readonly port: number
  /** What it prints, and its functions. */
  readonly logFile: string
  /** Where it keeps what it holds, when it is asked to end; in memory alone without it. */
  readonly stateDir?: string | undefined
}

/** Does anything that speaks as LocalStack does answer there? */
export async function isEmulator(endpoint: string): Promise<boolean> {
  try {
    return (await fetch(`${endpoint}/_localstack/health`, { signal: AbortSignal.timeout(5_000) })).ok
  } catch {
    return false
  }
}

/** Starts it on loopback and gives its pid, once it answers; it goes on when this process ends. */
export async function startMiniStack({ port, logFile, stateDir }: MiniStackOptions): Promise<number> {
  await installMiniStack()
  const log = openSync(logFile, 'a')
  const child = spawn(join(FOLDER, 'bin', 'ministack'), [], {
    stdio: ['ignore', log, log],
    detached: true,
    env: {
      ...process.env,
      // Its workers run on the first Node they find, whatever a function asks for.
      PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}`,
      // Its own default is every interface of the machine.
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      // What functions log is among it.
      LOG_LEVEL: 'INFO',
      ...(stateDir === undefined
        ? {}
        : { PERSIST_STATE: '1', S3_PERSIST: '1', STATE_DIR: stateDir, S3_DATA_DIR: join(stateDir, 's3') }),
    },
  })
  child.unref()
  for (let waited = 0; waited < START_MS && child.exitCode === null; waited += 100) {
    if (child.pid !== undefined && (await isEmulator(`http://127.0.0.1:${port}`))) return child.pid
    await wait(100)
  }
  child.kill('SIGKILL')
  throw new CommandFailed(`MiniStack ${MINISTACK_VERSION} did not start; ${logFile} says why`)
}

/** Asks it to end, which writes down what it keeps, and waits; its workers end with it. */
export async function stopMiniStack(pid: number): Promise<void> {
  signal(pid, 'SIGTERM')
  for (let waited = 0; waited < 20_000 && isAlive(pid); waited += 50) await wait(50)
  // Its workers are of its group.
  signal(-pid, 'SIGKILL')
}

/** The MiniStack that a command started and another one is to end. */
export const startedHere = {
  pid(port: number): number | undefined {
    const file = pidFile(port)
    if (!existsSync(file)) return undefined
    const pid = Number(readFileSync(file, 'utf8'))
    return isMiniStack(pid) ? pid : undefined
  },
  remember: (port: number, pid: number) => writeFileSync(pidFile(port), String(pid)),
  forget: (port: number) => rmSync(pidFile(port), { force: true }),
  logFile: (port: number) => join(CACHE, `ministack-${port}.log`),
}

/** Once, at a pinned version. Two at once agree by a folder that only one can make. */
export async function installMiniStack(): Promise<void> {
  mkdirSync(CACHE, { recursive: true })
  const lock = `${FOLDER}.lock`
  for (let waited = 0; waited < INSTALL_MS && !existsSync(DONE); waited += 500) {
    try {
      mkdirSync(lock)
      break
    } catch {
      await wait(500)
    }
  }
  if (existsSync(DONE)) return
  try {
    const run = promisify(execFile)
    await run('python3', ['-m', 'venv', FOLDER], { timeout: INSTALL_MS })
    const args = ['install', '--quiet', '--disable-pip-version-check', `ministack==${MINISTACK_VERSION}`]
    await run(join(FOLDER, 'bin', 'pip'), args, { timeout: INSTALL_MS })
    writeFileSync(DONE, MINISTACK_VERSION)
  } catch (error) {
    throw new CommandFailed(
      `MiniStack ${MINISTACK_VERSION} could not be installed from PyPI (${String(error).split('\n')[0]}); ` +
        'python3 with venv is needed, or AWS_ENDPOINT_URL of an emulator that runs already',
    )
  } finally {
    rmSync(lock, { recursive: true, force: true })
  }
}

function pidFile(port: number): string {
  return join(CACHE, `ministack-${port}.pid`)
}

/** A pid that was written down may be another program's by now. */
function isMiniStack(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('ministack')
  } catch {
    return false
  }
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended.
  }
}
