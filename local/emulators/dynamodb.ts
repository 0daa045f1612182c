// DynamoDB on this machine: starts dynoxide on loopback, or finds the one an earlier control plane left running.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { freePort } from '../free-port.ts'
import { alive, identityOf, type ProcessIdentity } from '../process-identity.ts'

export interface DynamoEmulator {
  readonly endpoint: string
  /** True when it was already running with this data folder. */
  readonly adopted: boolean
  stop(): Promise<void>
}

/** A missing emulator, said in one sentence. */
export class NoEmulator extends Error {}

/**
 * Starts the emulator. With `dataDir` it keeps its data in `<dataDir>/dynamodb.sqlite` and outlives this process;
 * without, it keeps everything in memory and ends when this process does, however it ends.
 */
export async function startDynamoEmulator(options: {
  readonly dataDir?: string | undefined
}): Promise<DynamoEmulator> {
  const file = options.dataDir === undefined ? undefined : join(options.dataDir, 'dynamodb.pid.json')
  const earlier = file === undefined ? undefined : earlierOne(file)
  if (earlier !== undefined) {
    if (
      await untilAnswers(earlier.endpoint).then(
        () => true,
        () => false,
      )
    ) {
      return { endpoint: earlier.endpoint, adopted: true, stop: async () => end(earlier, file) }
    }
    // Two of them must never work on one file.
    await end(earlier, file)
  }
  const binary = findBinary()
  const port = await freePort()
  const endpoint = `http://127.0.0.1:${port}`
  const args = ['--host', '127.0.0.1', '--port', String(port)]
  const child =
    options.dataDir === undefined
      ? spawnTied(binary, args)
      : spawnDetached(
          binary,
          [...args, '--db-path', join(options.dataDir, 'dynamodb.sqlite')],
          options.dataDir,
        )
  const failed = new Promise<never>((_, reject) => {
    child.once('error', (error) =>
      reject(new NoEmulator(`the DynamoDB emulator did not start: ${error.message}`)),
    )
    child.once('exit', (code) =>
      reject(
        new NoEmulator(`the DynamoDB emulator ended at once with status ${code}${hint(options.dataDir)}`),
      ),
    )
  })
  failed.catch(() => {})
  try {
    await Promise.race([untilAnswers(endpoint), failed])
    if (file === undefined || child.pid === undefined)
      return { endpoint, adopted: false, stop: () => endChild(child) }
    writeFileSync(file, JSON.stringify({ ...identityOf(child.pid), endpoint }))
    child.unref()
    const running = earlierOne(file)
    return { endpoint, adopted: false, stop: async () => end(running, file) }
  } catch (error) {
    await endChild(child)
    throw error
  }
}

function hint(dataDir: string | undefined): string {
  return dataDir === undefined ? '' : `; ${join(dataDir, 'dynamodb.log')} says more`
}

function findBinary(): string {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new NoEmulator(
      `no DynamoDB emulator is packaged for ${process.platform}-${process.arch}; start one yourself and give --dynamodb-endpoint URL`,
    )
  }
  try {
    const manifest = createRequire(import.meta.url).resolve('@dynoxide/linux-x64/package.json')
    const binary = join(dirname(manifest), 'dynoxide')
    if (existsSync(binary)) return binary
  } catch {
    // Said below: the package is not there.
  }
  throw new NoEmulator(
    'the DynamoDB emulator (@dynoxide/linux-x64) is not installed; run `npm ci` and try again',
  )
}

/** A shell holds a pipe from us: when we die, however we die, the pipe ends and the shell ends the emulator. */
function spawnTied(binary: string, args: readonly string[]): ChildProcess {
  const script = '"$@" </dev/null & p=$!; trap "kill $p" TERM INT; read -r _; kill $p 2>/dev/null; wait $p'
  return spawn('/bin/sh', ['-c', script, 'dynamodb', binary, ...args], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
}

function spawnDetached(binary: string, args: readonly string[], dataDir: string): ChildProcess {
  const log = openSync(join(dataDir, 'dynamodb.log'), 'a', 0o600)
  // Tasks of other users may come past it, on the way to their sandboxes.
  closeSync(openSync(join(dataDir, 'dynamodb.sqlite'), 'a', 0o600))
  return spawn(binary, args, { stdio: ['ignore', log, log], detached: true })
}

function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    // It may not even have begun.
    child.once('error', () => resolve())
    if (child.pid === undefined) resolve()
    child.stdin?.end()
    child.kill('SIGTERM')
  })
}

interface Running extends ProcessIdentity {
  readonly endpoint: string
}

function earlierOne(file: string): Running | undefined {
  if (!existsSync(file)) return undefined
  try {
    const running = JSON.parse(readFileSync(file, 'utf8')) as Running
    return alive(running) ? running : undefined
  } catch {
    return undefined
  }
}

async function end(running: Running | undefined, file: string | undefined): Promise<void> {
  if (running !== undefined && alive(running)) {
    process.kill(running.pid, 'SIGTERM')
    for (let tries = 0; tries < 100 && alive(running); tries++) await pause(20)
    if (alive(running)) process.kill(running.pid, 'SIGKILL')
  }
  if (file !== undefined) rmSync(file, { force: true })
}

async function untilAnswers(endpoint: string): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (await answers(endpoint)) return
    await pause(10)
  }
  throw new NoEmulator(`the DynamoDB emulator does not answer at ${endpoint}`)
}

async function answers(endpoint: string): Promise<boolean> {
  try {
    await fetch(endpoint, { signal: AbortSignal.timeout(1_000) })
    return true
  } catch {
    return false
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
