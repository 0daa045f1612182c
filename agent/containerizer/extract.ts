// Extracts an archive that somebody else made: into a directory of its own, within limits, and looked through before
// anything of it goes where it is wanted.
import { createReadStream, createWriteStream } from 'node:fs'
import { chmod, chown, lstat, opendir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { sleep, systemClock } from '../../protocol/clock.ts'
import { limited, tooLarge } from './download.ts'
import type { Owner } from './sandbox.ts'
import { runTool } from './tool.ts'

export interface ExtractOptions {
  /** Holds the archive; for this extraction alone, and owned by the owner. */
  readonly stage: string
  /** Names in the stage: the archive, and an empty directory. */
  readonly archive: string
  readonly into: string
  /** What the archive is called, which says what it is. */
  readonly name: string
  readonly owner?: Owner | undefined
  readonly maxBytes: number
  readonly maxEntries: number
  readonly signal?: AbortSignal | undefined
}

const LOOK_MS = 100
const tar = ['tar', '-x', '--no-same-owner', '--no-same-permissions'] as const

/** Mesos's list of what is extracted. */
const KINDS: readonly (readonly [RegExp, 'tar' | 'zip' | 'gz', ...string[]])[] = [
  [/\.tar$/, 'tar'],
  [/\.(tgz|tar\.gz)$/, 'tar', '-z'],
  [/\.(tbz2|tar\.bz2)$/, 'tar', '-j'],
  [/\.(txz|tar\.xz)$/, 'tar', '-J'],
  [/\.zip$/, 'zip'],
  [/\.gz$/, 'gz'],
]

export function isArchive(name: string): boolean {
  return KINDS.some(([pattern]) => pattern.test(name))
}

/** Rejects with a sentence; what was extracted until then is the caller's to remove, with the stage. */
export async function extract(options: ExtractOptions): Promise<void> {
  const { stage, archive, into, name, owner, maxBytes } = options
  const [, kind, ...flags] = KINDS.find(([pattern]) => pattern.test(name)) ?? []
  if (kind === 'gz') {
    const target = join(stage, into, name.replace(/\.gz$/, ''))
    const source = createReadStream(join(stage, archive))
    await pipeline(source, createGunzip(), limited(maxBytes), createWriteStream(target))
    if (owner !== undefined) await chown(target, owner.uid, owner.gid)
  } else {
    const command: [string, ...string[]] =
      kind === 'zip'
        ? ['unzip', '-q', '-o', archive, '-d', into]
        : [...tar, ...flags, '-f', archive, '-C', into]
    await guarded(options, (signal) =>
      runTool(command, { cwd: stage, owner, maxFileBytes: maxBytes, signal }),
    )
  }
  await lookThrough(join(stage, into), options)
}

/** Looks at what is there while it becomes more: an archive of a few bytes may hold more than any disk. */
async function guarded(options: ExtractOptions, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const over = new AbortController()
  const done = new AbortController()
  const signal = options.signal === undefined ? over.signal : AbortSignal.any([over.signal, options.signal])
  const watch = async (): Promise<void> => {
    for (;;) {
      const began = systemClock.now()
      const problem = await problemOf(join(options.stage, options.into), options, false)
      if (problem !== undefined) return over.abort(new Error(problem))
      // A large tree takes long to walk: no more than a tenth of the time.
      await sleep(systemClock, Math.max(LOOK_MS, 9 * (systemClock.now() - began)), done.signal)
      if (done.signal.aborted) return
    }
  }
  const watching = watch()
  try {
    await work(signal)
  } finally {
    done.abort()
    await watching
  }
}

async function lookThrough(directory: string, options: ExtractOptions): Promise<void> {
  const problem = await problemOf(directory, options, true)
  if (problem !== undefined) throw new Error(problem)
}

/** Too much, or (when it is `whole`) what must not go into a sandbox: devices, and links that lead out of it. */
async function problemOf(
  root: string,
  { maxBytes, maxEntries }: ExtractOptions,
  whole: boolean,
): Promise<string | undefined> {
  let [bytes, entries] = [0, 0]
  const pending: string[][] = [[]]
  for (let names = pending.pop(); names !== undefined; names = pending.pop()) {
    // While the archive is being extracted, things may be gone that were listed.
    const directory = await opendir(join(root, ...names)).catch(() => undefined)
    for await (const { name } of directory ?? []) {
      const path = join(root, ...names, name)
      const stat = await lstat(path).catch(() => undefined)
      if (stat === undefined) continue
      entries++
      bytes += stat.isFile() ? Math.max(stat.size, stat.blocks * 512) : 0
      if (bytes > maxBytes) return `extracted, ${tooLarge(maxBytes)}`
      if (entries > maxEntries) return `it holds more than the ${maxEntries} files allowed`
      if (stat.isDirectory()) pending.push([...names, name])
      if (!whole) continue
      const problem = await kindProblem(path, stat, names.length)
      if (problem !== undefined) return `it holds ${problem}: ${JSON.stringify([...names, name].join('/'))}`
    }
  }
  return undefined
}

async function kindProblem(
  path: string,
  stat: Awaited<ReturnType<typeof lstat>>,
  depth: number,
): Promise<string | undefined> {
  if (stat.isSymbolicLink()) {
    return leadsOut(await readlink(path), depth) ? 'a link that leads out of the sandbox' : undefined
  }
  if (!stat.isFile() && !stat.isDirectory()) return 'what is neither file, directory nor link'
  // A directory that cannot be entered could not be looked through, and set-user-id is for nobody.
  const wanted = (Number(stat.mode) & 0o777) | (stat.isDirectory() ? 0o700 : 0)
  if ((Number(stat.mode) & 0o7777) !== wanted) await chmod(path, wanted)
  return undefined
}

/**
 * Of a link that lies so many directories deep. Steps up are counted only at its beginning, where they start from a
 * real directory; after a name, which may be a link itself, a step up could lead anywhere.
 */
export function leadsOut(target: string, depth: number): boolean {
  const steps = target.split('/').filter((step) => step !== '' && step !== '.')
  const up = steps.findIndex((step) => step !== '..')
  const climbs = up < 0 ? steps.length : up
  return target.startsWith('/') || climbs > depth || steps.slice(climbs).includes('..')
}
