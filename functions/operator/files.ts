// The files an operator may read through the API, under their virtual paths: the control plane's own log.
import { open, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { timeInfo } from '../../protocol/durations.ts'
import type { FileInfo } from '../../protocol/messages.ts'

/** Virtual path of the control plane's log. */
export const LOG_PATH = '/master/log'
/** Mesos: 16 pages a read. */
const MAX_READ_BYTES = 16 * 4096

export type Refused = { readonly refused: 400 | 404; readonly text: string }

export interface Files {
  list(path: string): Promise<Refused | { readonly infos: readonly FileInfo[] }>
  /** At most 64 KiB from the offset on; nothing beyond the end. `size` is the whole file's. */
  read(
    path: string,
    offset: number,
    length?: number,
  ): Promise<Refused | { readonly size: number; readonly data: Buffer }>
  /** Virtual and real paths. */
  attached(): ReadonlyMap<string, string>
}

/** @param attached real paths of plain files by their virtual paths; nothing else can be reached (A14) */
export function files(attached: ReadonlyMap<string, string>): Files {
  return {
    attached: () => attached,
    async list(path) {
      if (path === '') return { refused: 400, text: 'Say which path is to be listed' }
      const wanted = withoutSlash(path)
      const below = [...attached].filter(([virtual]) => virtual === wanted || dirname(virtual) === wanted)
      const infos = await Promise.all(below.map(([virtual, real]) => infoOf(virtual, real)))
      const found = infos.filter((info) => info !== undefined)
      return found.length === 0 ? notFound(path) : { infos: found }
    },
    async read(path, offset, length) {
      if (!(offset >= 0)) return { refused: 400, text: 'The offset must not be negative' }
      if (length !== undefined && !(length >= 0))
        return { refused: 400, text: 'The length must not be negative' }
      const real = attached.get(withoutSlash(path))
      if (real === undefined) {
        const isFolder = [...attached.keys()].some((virtual) => dirname(virtual) === withoutSlash(path))
        return isFolder ? { refused: 400, text: 'This is a folder; read a file in it' } : notFound(path)
      }
      return (
        (await readPart(real, offset, Math.min(length ?? MAX_READ_BYTES, MAX_READ_BYTES))) ?? notFound(path)
      )
    },
  }
}

async function readPart(
  real: string,
  offset: number,
  length: number,
): Promise<{ readonly size: number; readonly data: Buffer } | undefined> {
  const file = await open(real, 'r').catch(() => undefined)
  if (file === undefined) return undefined
  try {
    const { size } = await file.stat()
    const wanted = Math.max(0, Math.min(length, size - offset))
    const { buffer, bytesRead } = await file.read(Buffer.alloc(wanted), 0, wanted, offset)
    return { size, data: buffer.subarray(0, bytesRead) }
  } finally {
    await file.close()
  }
}

async function infoOf(virtual: string, real: string): Promise<FileInfo | undefined> {
  const found = await stat(real).catch(() => undefined)
  if (found === undefined) return undefined
  return {
    path: virtual,
    nlink: found.nlink,
    size: found.size,
    mtime: timeInfo(Math.floor(found.mtimeMs)),
    mode: found.mode,
    uid: String(found.uid),
    gid: String(found.gid),
  }
}

function notFound(path: string): Refused {
  return { refused: 404, text: `There is no file ${basename(path)} under this path` }
}

function withoutSlash(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') : path
}
