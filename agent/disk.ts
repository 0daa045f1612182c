// Writes of the checkpoint, one after the other: one the disk refuses stays first in line and is tried again.
//
//   replace   written beside, then renamed: it is the old text or the new one
//   forced    the same, and on the disk itself when it returns
//   append    whole, or not at all: what a full disk took of it is cut off again; `forced-append` also on the disk
//   begin     a file made anew; torn when the process dies in the middle
import {
  appendFileSync,
  closeSync,
  existsSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'

export type Writing =
  | {
      readonly do: 'replace' | 'forced' | 'append' | 'forced-append' | 'begin'
      readonly path: string
      readonly text: string
    }
  | { readonly do: 'remove'; readonly path: string }

/** Does one of them, or throws; tests put their own in its place. */
export type Disk = (writing: Writing) => void

/** The disk has no room, or the process no descriptor: the same may be taken later. */
export class DiskRefused extends Error {}

/** That may pass. Anything else (the directory is gone, the disk was taken away) does not. */
const MAY_PASS = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'ENOMEM'])

export class WriteQueue {
  readonly #disk: Disk
  readonly #waiting: Writing[] = []

  constructor(disk: Disk = systemDisk) {
    this.#disk = disk
  }

  /** Throws `DiskRefused` when the disk takes no more: what is left is written first the next time. */
  write(writings: readonly Writing[]): void {
    this.#waiting.push(...writings)
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      try {
        this.#disk(next)
      } catch (error) {
        throw refusalOf(next.path, error)
      }
      this.#waiting.shift()
    }
  }
}

/** The error itself, or the sentence for one that may pass. */
export function refusalOf(path: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  if (!MAY_PASS.has(code)) return error
  const what = (error as Error).message
  return new DiskRefused(
    `The disk takes no more writes in ${dirname(path)} (${what}); make room there, then the agent can go on`,
    {
      cause: error,
    },
  )
}

/** The machine's own. */
export function systemDisk(writing: Writing): void {
  switch (writing.do) {
    case 'replace':
    case 'forced':
      replace(writing.path, writing.text, writing.do === 'forced')
      return
    case 'append':
    case 'forced-append':
      append(writing.path, writing.text, writing.do === 'forced-append')
      return
    case 'begin':
      writeFileSync(writing.path, writing.text, { mode: 0o600 })
      return
    case 'remove':
      rmSync(writing.path, { force: true })
      return
  }
}

function replace(path: string, text: string, isForced: boolean): void {
  const beside = `${path}.new`
  const isNew = isForced && !existsSync(path)
  const fd = openSync(beside, 'w', 0o600)
  try {
    writeFileSync(fd, text)
    if (isForced) fdatasyncSync(fd)
  } catch (error) {
    // Also what it took for nothing is room.
    rmSync(beside, { force: true })
    throw error
  } finally {
    closeSync(fd)
  }
  renameSync(beside, path)
  if (isNew) forceDirectory(dirname(path))
}

/** A name is on the disk only with its directory. */
function forceDirectory(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function append(path: string, text: string, isForced: boolean): void {
  const fd = openSync(path, 'a', 0o600)
  const { size } = fstatSync(fd)
  try {
    appendFileSync(fd, text)
    if (isForced) fdatasyncSync(fd)
  } catch (error) {
    // Cutting needs no room. What stayed would stand in the middle of the log when the rest is tried again.
    ftruncateSync(fd, size)
    throw error
  } finally {
    closeSync(fd)
  }
}
