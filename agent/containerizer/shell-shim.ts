// Starts tasks through the shim in sh, for machines without a C compiler: slower, and one process of the agent's forks it.
import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants, statSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { systemClock } from '../../protocol/clock.ts'
import { type Identity, parseIdentity } from './process-table.ts'
import { MARKER } from './process-tree.ts'
import { recordFile } from './record.ts'
import { type Shim, type ShimOrder, START_TIMEOUT_MS, SYSTEM_PATH } from './shim-order.ts'
import type { Command, TasksGroup } from './tasks-group.ts'
import type { Account } from './user.ts'

/** Where execvp looks when the task's environment has no PATH. */
const DEFAULT_PATH = '/bin:/usr/bin'

/** @param group that each shim joins, and with it all it forks */
export function shellShim(script: string, group?: TasksGroup): Shim {
  return {
    kind: 'sh',
    async start(order) {
      const launch = recordFile.launch(order.record)
      // For the agent's user only: it holds the task's environment. Arguments of a process everyone may read.
      writeFileSync(launch, launchScript(order), { mode: 0o600 })
      const command: Command = ['/bin/sh', script, order.record, order.sandbox, order.bootId]
      const [program, ...args] = group?.inside(command) ?? command
      const child = spawn(program, args, {
        cwd: '/',
        env: { PATH: SYSTEM_PATH, [MARKER]: order.containerId },
        // In a session of its own, so that it outlives this process.
        detached: true,
        stdio: ['ignore', order.stdout, order.stderr, 'pipe'],
      })
      child.unref()
      const main = await firstProcess(child)
      await rm(launch, { force: true })
      return main
    },
  }
}

/** Becomes the command in four steps without forking: a session, the user, the environment, the program. */
export function launchScript({ argv, sandbox, environment, account }: ShimOrder): string {
  const program = argv[0] ?? ''
  if (findProgram(program, environment.PATH ?? DEFAULT_PATH, sandbox) === undefined) {
    const sentence = `Failed to execute '${program}': No such file or directory`
    return `started\nprintf '%s\\n' ${quote(sentence)} >&2\nexit 1\n`
  }
  if (program.includes('=')) throw new Error(`without a C compiler, a program cannot be named '${program}'`)
  const setsid = findProgram('setsid', SYSTEM_PATH, '/')
  const words = [
    ...(setsid === undefined ? [] : [setsid]),
    ...userSwitch(account),
    ...[findProgram('env', SYSTEM_PATH, '/') ?? 'env', '-i'],
    ...Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    ...argv,
  ]
  return `started\nexec ${words.map(quote).join(' ')}\n`
}

/** Resolves when the shim says that the first process is recorded; rejects with what it says, or with how it failed. */
async function firstProcess(child: ChildProcess): Promise<Identity> {
  // The fourth descriptor was asked for as a pipe.
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
  const main = parseIdentity(text.trim())
  if (main !== undefined) return main
  if (text.startsWith('!')) throw new Error(text.slice(1).trim())
  if (isLate) throw new Error(`not started within ${START_TIMEOUT_MS / 1000} s`)
  throw new Error(`the shim did not start it: ${failure?.message ?? 'it ended early'}`)
}

function userSwitch(account: Account | undefined): string[] {
  if (account === undefined) return []
  const setpriv = findProgram('setpriv', SYSTEM_PATH, '/')
  if (setpriv === undefined) {
    throw new Error(`to run as '${account.name}', install a C compiler or setpriv (util-linux)`)
  }
  const groups = account.groups.length === 0 ? ['--clear-groups'] : ['--groups', account.groups.join(',')]
  return [setpriv, '--reuid', String(account.uid), '--regid', String(account.gid), ...groups]
}

/** For sh: everything but a single quote stands for itself between single quotes. */
function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}

/** As execvp looks: a name with a slash is a path, any other is looked for in PATH. */
function findProgram(name: string, path: string, directory: string): string | undefined {
  const candidates = name.includes('/') ? [name] : path.split(':').map((folder) => join(folder || '.', name))
  return candidates.map((candidate) => resolve(directory, candidate)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
