// `/files/…`: what tasks wrote, as command lines and web pages read it.
import type { FileInfo } from '../../protocol/messages.ts'
import type { ApiFiles } from './context.ts'
import { type Handler, json, text } from './http.ts'

export function fileRoutes(files: ApiFiles): Readonly<Record<string, Handler>> {
  const withPath =
    (answer: (path: string, ...rest: Parameters<Handler>) => ReturnType<Handler>): Handler =>
    (request) => {
      const path = request.query.get('path')
      if (path === null || path === '') return text(400, "Expecting 'path=value' in query.")
      return answer(path, request)
    }
  const browse = withPath(async (path, request) => {
    const listed = await files.list(path)
    return 'status' in listed ? listed : json(request, listed.files.map(legacyFile))
  })
  const read = withPath(async (path, request) => {
    const offset = Number(request.query.get('offset') ?? -1)
    const length = request.query.get('length')
    if (!Number.isInteger(offset) || (length !== null && !Number.isInteger(Number(length)))) {
      return text(400, "'offset' and 'length' are whole numbers")
    }
    // -1 asks how long the file is.
    const found = await files.read(
      path,
      Math.max(0, offset),
      offset < 0 ? 0 : length === null ? undefined : Number(length),
    )
    if ('status' in found) return found
    const answer = offset < 0 ? { offset: found.size, data: '' } : { offset, data: found.data.toString() }
    return json(request, answer)
  })
  const download = withPath((path) => files.download(path))
  const debug: Handler = (request) => json(request, files.debug())
  return {
    '/files/browse': browse,
    '/files/read': read,
    '/files/download': download,
    '/files/debug': debug,
    '/files/browse.json': browse,
    '/files/read.json': read,
  }
}

function legacyFile(file: FileInfo): unknown {
  return {
    path: file.path,
    nlink: file.nlink ?? 1,
    size: Number(file.size ?? 0),
    mtime: Number(file.mtime?.nanoseconds ?? 0) / 1e9,
    mode: modeText(file.mode ?? 0),
    uid: file.uid ?? '',
    gid: file.gid ?? '',
  }
}

const KINDS: ReadonlyMap<number, string> = new Map([
  [0o040000, 'd'],
  [0o120000, 'l'],
  [0o100000, '-'],
])

/** `-rw-r--r--` for the bits of a mode. */
function modeText(mode: number): string {
  const letters = [0o400, 0o200, 0o100, 0o040, 0o020, 0o010, 0o004, 0o002, 0o001].map((bit, index) =>
    (mode & bit) === 0 ? '-' : 'rwx'[index % 3],
  )
  return `${KINDS.get(mode & 0o170000) ?? '?'}${letters.join('')}`
}
