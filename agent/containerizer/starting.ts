// What has to be there before a container starts: a sound order, a user, a sandbox with its logs.
import assert from 'node:assert/strict'
import { type ContainerSpec, LaunchFailed } from './containerizer.ts'
import { openLog, openSandbox } from './sandbox.ts'
import { type Account, findAccount } from './user.ts'

/** The kernel's limits: of one string (MAX_ARG_STRLEN), and of all together with a stack of 8 MB. */
const MAX_STRING_BYTES = 128 * 1024
const MAX_STRINGS_BYTES = 2 * 1024 * 1024 - 64 * 1024

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
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  if ([sandbox, stdout, stderr, ...argv, ...variables].some((text) => text.includes('\0'))) {
    return 'command and environment cannot hold a NUL'
  }
  const sizes = [...argv, ...variables].map((text) => Buffer.byteLength(text) + 1)
  const isTooLarge =
    sizes.some((size) => size > MAX_STRING_BYTES) ||
    sizes.reduce((sum, size) => sum + size + 8, 0) > MAX_STRINGS_BYTES
  return isTooLarge ? 'command and environment are larger than the kernel takes' : undefined
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
  const sandbox = await openSandbox(spec.sandbox, account)
  const opening = [spec.stdout ?? 'stdout', spec.stderr ?? 'stderr'].map((name) =>
    openLog(sandbox, name, account),
  )
  const close = async () => {
    for (const opened of await Promise.allSettled(opening)) {
      if (opened.status === 'fulfilled') await opened.value.close().catch(() => {})
    }
  }
  try {
    const [stdout, stderr] = await Promise.all(opening)
    assert(stdout !== undefined && stderr !== undefined)
    return { stdout: stdout.fd, stderr: stderr.fd, close }
  } catch (error) {
    await close()
    throw error
  } finally {
    void sandbox.close()
  }
}
