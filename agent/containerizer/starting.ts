// Starts a shim and hears from it that the first process is recorded.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { systemClock } from '../../protocol/clock.ts'
import type { ContainerSpec } from './containerizer.ts'
import { LaunchFailed } from './containerizer.ts'
import type { Identity } from './process-table.ts'
import { parseIdentity, recordFile } from './record.ts'
import { createSandbox, openLog, openSandbox } from './sandbox.ts'
import type { ShimCommand } from './shim.ts'
import { type Account, findAccount } from './user.ts'

/** A shim that says nothing for so long is stuck, for instance on a file system that does not answer. */
const START_TIMEOUT_MS = 30_000

export interface OpenLogs {
  readonly stdout: number
  readonly stderr: number
  /** Never rejects. */
  close(): Promise<void>
}

/** Why a spec cannot be launched by anything; undefined if it can. */
export function specError(spec: ContainerSpec): string | undefined {
  const { containerId, sandbox, argv, environment, stdout = 'stdout', stderr = 'stderr' } = spec
  if (!/^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,254}$/.test(containerId))
    return 'the container id is not a safe file name'
  if (!sandbox.startsWith('/')) return 'the sandbox is not an absolute path'
  if (argv[0] === undefined || argv[0] === '') return 'there is no command'
  for (const name of Object.keys(environment)) {
    if (name === '' || name.includes('=')) return `'${name}' cannot be the name of an environment variable`
  }
  if ([stdout, stderr].some((name) => name.includes('/')))
    return 'output goes to a file directly in the sandbox'
  const texts = [sandbox, stdout, stderr, ...argv, ...Object.entries(environment).flat()]
  return texts.some((text) => text.includes('\0')) ? 'command and environment cannot hold a NUL' : undefined
}

/** The account to switch to; undefined when the agent's own will do. Rejects with `LaunchFailed`, naming the user. */
export async function accountFor(user: string | undefined): Promise<Account | undefined> {
  if (user === undefined) return undefined
  const account = await findAccount(user)
  if (account === undefined) throw new LaunchFailed('user', `there is no user '${user}' on this machine`)
  const own = process.getuid?.()
  if (account.uid === own) return undefined
  if (own !== 0) throw new LaunchFailed('user', `the agent is not root and cannot run a task as '${user}'`)
  return account
}

/** Makes the sandbox if needed and opens the two files for output. */
export async function openLogs(spec: ContainerSpec, account: Account | undefined): Promise<OpenLogs> {
  await createSandbox(spec.sandbox, account)
  const sandbox = await openSandbox(spec.sandbox, account)
  const opened: FileHandle[] = []
  const close = async () => void (await Promise.allSettled(opened.map((file) => file.close())))
  try {
    const stdout = await openLog(sandbox, spec.stdout ?? 'stdout', account)
    opened.push(stdout)
    const stderr = await openLog(sandbox, spec.stderr ?? 'stderr', account)
    opened.push(stderr)
    return { stdout: stdout.fd, stderr: stderr.fd, close }
  } catch (error) {
    await close()
    throw error
  } finally {
    void sandbox.close()
  }
}

/** In a session of its own, so that it outlives this process; the logs are its standard output and error. */
export function spawnShim(command: ShimCommand, record: string, logs: OpenLogs): ChildProcess {
  if (command.launchScript !== undefined) {
    writeFileSync(recordFile.launch(record), command.launchScript, { mode: 0o600 })
  }
  const child = spawn(command.file, command.args, {
    cwd: '/',
    env: { ...command.env },
    detached: true,
    stdio: ['ignore', logs.stdout, logs.stderr, 'pipe'],
  })
  child.unref()
  return child
}

/** Resolves with the first process when it is recorded; rejects with what the shim says, or with how it failed. */
export async function firstProcess(child: ChildProcess): Promise<Identity> {
  const line = child.stdio[3] as Readable
  let isLate = false
  const cancel = systemClock.after(START_TIMEOUT_MS, () => {
    isLate = true
    line.destroy()
  })
  // A shim that could not be executed at all is told by this event; then the pipe ends too.
  let failure: Error | undefined
  child.on('error', (error) => {
    failure = error
  })
  let text = ''
  try {
    for await (const chunk of line) {
      text += String(chunk)
      if (text.includes('\n')) break
    }
  } catch (error) {
    failure ??= error as Error
  } finally {
    cancel()
    line.destroy()
  }
  const main = parseIdentity(text)
  if (main !== undefined) return main
  if (text.startsWith('!')) throw new LaunchFailed('launch', text.slice(1).trim())
  if (isLate) throw new LaunchFailed('launch', `not started within ${START_TIMEOUT_MS / 1000} s`)
  throw new LaunchFailed('launch', `the shim did not start it: ${failure?.message ?? 'it ended early'}`)
}

/** Resolves when the process has ended; never rejects. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  await once(child, 'exit').catch(() => {})
}
