// Picks the shim that starts tasks: the one in C where it could be compiled, the one in sh until then and elsewhere.
import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { chmod, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { compiledShim } from './compiled-shim.ts'
import { shellShim } from './shell-shim.ts'
import { type Shim, SYSTEM_PATH } from './shim-order.ts'
import type { TasksGroup } from './tasks-group.ts'

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
  /** Of the tasks; the agent's own unless given. */
  readonly group?: TasksGroup | undefined
}

const COMPILE_TIMEOUT_MS = 60_000
/** What a compiled shim says when it is given nothing to do. */
const NOTHING_TO_DO = 64

/** Starts compiling at once and does not wait for it: the first tasks may go through sh. */
export function chooseShim(options: ShimOptions): ShimChoice {
  const source = options.sourceDirectory ?? import.meta.dirname
  let best = shellShim(join(source, 'shim.sh'), options.group)
  const ready = options.only === 'sh' ? Promise.resolve(best) : improve()
  return { current: () => best, ready }

  async function improve(): Promise<Shim> {
    const binary = await compile(join(source, 'shim.c'), options.buildDirectory).catch(() => undefined)
    if (binary !== undefined) best = compiledShim(binary, options.group)
    return best
  }
}

/** The path of a compiled shim that runs; rejects where there is no compiler. */
async function compile(source: string, buildDirectory: string): Promise<string> {
  const text = await readFile(source)
  const hash = createHash('sha256').update(text).update(`${process.platform} ${process.arch}`).digest('hex')
  const binary = join(buildDirectory, `shim-${hash.slice(0, 16)}`)
  if (await works(binary)) return binary
  await mkdir(buildDirectory, { recursive: true, mode: 0o755 })
  const attempt = `${binary}.${randomUUID()}`
  try {
    for (const link of [['-static'], []]) {
      if (!(await compileTo(attempt, source, link))) continue
      // Agents that compile at the same time write the same thing: the last rename wins and nothing is torn.
      await rename(attempt, binary)
      return binary
    }
  } finally {
    await rm(attempt, { force: true })
  }
  throw new Error('no C compiler made a shim that runs')
}

/** False also when there is no static C library: the next attempt links as usual. */
async function compileTo(binary: string, source: string, link: readonly string[]): Promise<boolean> {
  try {
    await promisify(execFile)('cc', ['-O2', ...link, '-o', binary, source], {
      timeout: COMPILE_TIMEOUT_MS,
      env: { PATH: process.env.PATH ?? SYSTEM_PATH },
    })
    await chmod(binary, 0o755)
    return await works(binary)
  } catch {
    return false
  }
}

/** So a directory that forbids execution is noticed here, not at the first task. */
async function works(binary: string): Promise<boolean> {
  return new Promise((done) => {
    execFile(binary, { timeout: 5_000 }, (error) => done(error?.code === NOTHING_TO_DO))
  })
}
