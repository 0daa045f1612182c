// Picks the shim that starts tasks: the one in C where it could be compiled, the one in sh until then and elsewhere.
import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { accessSync, constants, statSync } from 'node:fs'
import { chmod, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { MARKER } from './process-tree.ts'
import type { Account } from './user.ts'

/** What a shim is told about one launch. */
export interface ShimOrder {
  readonly containerId: string
  /** The container's record, see record.ts. */
  readonly record: string
  readonly sandbox: string
  readonly bootId: string
  readonly argv: readonly string[]
  /** The task's whole environment, with the marker. */
  readonly environment: Readonly<Record<string, string>>
  /** undefined: as the agent. */
  readonly account: Account | undefined
}

/** The process to start. Nothing of the task's environment is in its arguments: everyone may read those. */
export interface ShimCommand {
  readonly file: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** To be written to the record as `launch`, readable by the agent's user only. */
  readonly launchScript: string | undefined
}

export interface Shim {
  readonly kind: 'c' | 'sh'
  /** Throws a sentence when this shim cannot do what is ordered. */
  command(order: ShimOrder): ShimCommand
}

export interface ShimChoice {
  /** The best there is now. */
  current(): Shim
  /** The best there will be; never rejects. */
  readonly ready: Promise<Shim>
}

export interface ShimOptions {
  /** Where compiled shims are kept, one for each content of the source. */
  readonly buildDirectory: string
  /** `sh`: never compile. */
  readonly only?: 'sh' | undefined
  /** Where shim.c and shim.sh are. */
  readonly sourceDirectory?: string | undefined
}

const COMPILE_TIMEOUT_MS = 60_000
/** As a login shell of root has it; also what finds the helpers of the shim in sh. */
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
/** Where execvp looks when the task's environment has no PATH. */
const DEFAULT_PATH = '/bin:/usr/bin'

/** Starts compiling at once and does not wait for it: the first tasks may go through sh. */
export function chooseShim(options: ShimOptions): ShimChoice {
  const source = options.sourceDirectory ?? import.meta.dirname
  let best = shellShim(join(source, 'shim.sh'))
  const ready = options.only === 'sh' ? Promise.resolve(best) : improve()
  return { current: () => best, ready }

  async function improve(): Promise<Shim> {
    const binary = await compile(join(source, 'shim.c'), options.buildDirectory).catch(() => undefined)
    if (binary !== undefined) best = compiledShim(binary)
    return best
  }
}

function compiledShim(binary: string): Shim {
  return {
    kind: 'c',
    command(order) {
      const { account, environment } = order
      const user =
        account === undefined
          ? ['-', '-', '-']
          : [String(account.uid), String(account.gid), account.groups.join(',')]
      // The prefix hides LD_PRELOAD and its like from the shim itself, which takes it off again.
      const hidden = Object.entries(environment).map(([name, value]) => [`T:${name}`, value])
      return {
        file: binary,
        args: [order.record, order.sandbox, order.bootId, ...user, ...order.argv],
        env: { [MARKER]: order.containerId, ...Object.fromEntries(hidden) },
        launchScript: undefined,
      }
    },
  }
}

function shellShim(script: string): Shim {
  return {
    kind: 'sh',
    command: (order) => ({
      file: '/bin/sh',
      args: [script, order.record, order.sandbox, order.bootId],
      env: { PATH: SYSTEM_PATH, [MARKER]: order.containerId },
      launchScript: launchScript(order),
    }),
  }
}

/** Becomes the command in four steps without forking: a session, the user, the environment, the program. */
function launchScript({ argv, sandbox, environment, account }: ShimOrder): string {
  const program = argv[0] ?? ''
  if (findProgram(program, environment.PATH ?? DEFAULT_PATH, sandbox) === undefined) {
    const sentence = `Failed to execute '${program}': No such file or directory`
    return `started\nprintf '%s\\n' ${quote(sentence)} >&2\nexit 1\n`
  }
  if (program.includes('=')) throw new Error(`without a C compiler, a program cannot be named '${program}'`)
  const setsid = findProgram('setsid', SYSTEM_PATH, '/')
  const session = setsid === undefined ? [] : [setsid]
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  const words = [
    ...session,
    ...userSwitch(account),
    findProgram('env', SYSTEM_PATH, '/') ?? 'env',
    '-i',
    ...variables,
    ...argv,
  ]
  return `started\nexec ${words.map(quote).join(' ')}\n`
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

/** The path of a compiled shim that runs; rejects where there is no compiler. */
async function compile(source: string, buildDirectory: string): Promise<string> {
  const run = promisify(execFile)
  const text = await readFile(source)
  const hash = createHash('sha256').update(text).update(`${process.platform} ${process.arch}`).digest('hex')
  const binary = join(buildDirectory, `shim-${hash.slice(0, 16)}`)
  if (await works(binary)) return binary
  await mkdir(buildDirectory, { recursive: true, mode: 0o755 })
  const attempt = `${binary}.${randomUUID()}`
  try {
    for (const link of [['-static'], []]) {
      try {
        const args = ['-O2', ...link, '-o', attempt, source]
        await run('cc', args, { timeout: COMPILE_TIMEOUT_MS, env: { PATH: process.env.PATH ?? SYSTEM_PATH } })
        await chmod(attempt, 0o755)
        if (!(await works(attempt))) continue
        // Agents that compile at the same time write the same thing: the last rename wins and nothing is torn.
        await rename(attempt, binary)
        return binary
      } catch {
        // Without a static C library, the second attempt links as usual.
      }
    }
  } finally {
    await rm(attempt, { force: true })
  }
  throw new Error('no C compiler made a shim that runs')
}

/** Without arguments it says 64: so a directory that forbids execution is noticed here, not at the first task. */
async function works(binary: string): Promise<boolean> {
  return new Promise((done) => {
    execFile(binary, { timeout: 5_000 }, (error) => done(error?.code === 64))
  })
}
