// Runs a helper program (tar, unzip, cp) within limits, as the user the files are for.
import { spawn } from 'node:child_process'
import type { Owner } from './sandbox.ts'

export interface ToolOptions {
  /** Entered before the user is switched: the directories above it may be closed to them. */
  readonly cwd: string
  readonly owner?: Owner | undefined
  /** No file it writes becomes larger. */
  readonly maxFileBytes: number
  readonly signal?: AbortSignal | undefined
}

const ERROR_CHARACTERS = 300
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Rejects with a sentence when it fails. */
export function runTool(argv: readonly [string, ...string[]], options: ToolOptions): Promise<void> {
  const { cwd, owner, maxFileBytes, signal } = options
  // Blocks are of 512 bytes in dash and of 1024 in bash: at worst twice as much is let through.
  const limit = 'ulimit -f "$1" && ulimit -c 0 && shift && umask 022 && exec "$@"'
  const blocks = String(Math.ceil(maxFileBytes / 512))
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', limit, 'sh', blocks, ...argv], {
      cwd,
      env: { PATH, LC_ALL: 'C' },
      stdio: ['ignore', 'ignore', 'pipe'],
      killSignal: 'SIGKILL',
      ...(signal === undefined ? {} : { signal }),
      ...(owner === undefined ? {} : { uid: owner.uid, gid: owner.gid }),
    })
    let errors = ''
    child.stderr.on('data', (chunk) => {
      if (errors.length < ERROR_CHARACTERS) errors += String(chunk)
    })
    child.on('error', (error) => {
      // A signal ends the child as well; its own end is waited for below.
      if (child.pid === undefined) reject(error)
    })
    child.on('close', (code, ended) => {
      if (code === 0) return resolve()
      if (signal?.aborted)
        return reject(signal.reason instanceof Error ? signal.reason : new Error('it was called off'))
      if (code === 127) return reject(new Error(`${argv[0]} is not installed`))
      const said = errors.trim().split('\n')[0]?.slice(0, ERROR_CHARACTERS)
      reject(
        new Error(
          `${argv[0]} ${ended === null ? `ended with status ${code}` : `was ended by ${ended}`}${said ? `: ${said}` : ''}`,
        ),
      )
    })
  })
}
