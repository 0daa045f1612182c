// The file endpoints of old: browse, read, download, debug, over the same virtual paths as LIST_FILES and READ_FILE.
import { basename } from 'node:path'
import { timeMs } from '../../../protocol/durations.ts'
import type { FileInfo } from '../../../protocol/messages.ts'
import { asked } from '../../authorize.ts'
import type { Authenticate } from '../../http/authentication.ts'
import type { Route } from '../../http/routes.ts'
import { type Handler, type HttpAnswer, type HttpRequest, text } from '../../http/types.ts'
import type { Calling } from '../calls.ts'
import type { Files, Refused } from '../files.ts'
import { asJson } from './answer.ts'

/** All files are logs of the control plane. */
export function fileRoutes(
  { env, files }: Pick<Calling, 'env' | 'files'>,
  authenticate: Authenticate | undefined,
): readonly Route[] {
  const log = (handler: Handler): Handler => asked(env, 'access_mesos_logs', undefined, handler)
  const route = (path: string, handler: Handler): Route => ({ path, methods: { GET: handler }, authenticate })
  return [
    route(
      '/files/browse',
      log((request) => browse(files, request)),
    ),
    route(
      '/files/read',
      log((request) => read(files, request)),
    ),
    route(
      '/files/download',
      log((request) => download(files, request)),
    ),
    route(
      '/files/debug',
      asked(env, 'get_endpoints', '/files/debug', (request) =>
        asJson(request, Object.fromEntries(files.attached())),
      ),
    ),
  ]
}

async function browse(files: Files, request: HttpRequest): Promise<HttpAnswer> {
  const path = pathOf(request)
  if (path === undefined) return noPath
  const found = await files.list(path)
  if ('refused' in found) return refused(found)
  return asJson(
    request,
    found.infos.map((info) => ({
      path: info.path,
      nlink: info.nlink,
      size: Number(info.size),
      mtime: info.mtime === undefined ? 0 : timeMs(info.mtime) / 1000,
      mode: modeText(info),
      uid: info.uid,
      gid: info.gid,
    })),
  )
}

/** Without an offset, or with -1, only the size: how a reader finds the end it wants to follow (C146). */
async function read(files: Files, request: HttpRequest): Promise<HttpAnswer> {
  const path = pathOf(request)
  if (path === undefined) return noPath
  const offset = numberOf(request, 'offset') ?? -1
  const length = numberOf(request, 'length')
  if (Number.isNaN(offset) || Number.isNaN(length))
    return text(400, "'offset' and 'length' must be whole numbers")
  const isEnd = offset === -1
  const found = await files.read(path, isEnd ? 0 : offset, isEnd || length === -1 ? undefined : length)
  if ('refused' in found) return refused(found)
  if (isEnd) return asJson(request, { offset: found.size, data: '' })
  return asJson(request, { offset, data: found.data.toString('utf8') })
}

async function download(files: Files, request: HttpRequest): Promise<HttpAnswer> {
  const path = pathOf(request)
  if (path === undefined) return noPath
  const first = await files.read(path, 0)
  if ('refused' in first) return refused(first)
  return {
    status: 200,
    headers: {
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename=${basename(path)}`,
    },
    body: {
      // What is written behind the size it has now belongs to a later download.
      async open(write) {
        for (let offset = 0; offset < first.size; ) {
          const part = await files.read(path, offset, first.size - offset)
          if ('refused' in part || part.data.length === 0) return
          if (!(await write(part.data))) return
          offset += part.data.length
        }
      },
    },
  }
}

function pathOf({ query }: HttpRequest): string | undefined {
  return query.get('path') ?? undefined
}

const noPath = text(400, "The query must have 'path=' with the path of a file")

function refused(found: Refused): HttpAnswer {
  return text(found.refused, found.text)
}

function numberOf({ query }: HttpRequest, name: string): number | undefined {
  const given = query.get(name)
  if (given === null) return undefined
  return /^-?\d{1,15}$/.test(given) ? Number(given) : Number.NaN
}

/** As `ls` writes it: `-rw-r--r--`. Only plain files are attached. */
function modeText({ mode = 0 }: FileInfo): string {
  const letters = 'rwxrwxrwx'
  return `-${[...letters].map((letter, index) => (mode & (1 << (8 - index)) ? letter : '-')).join('')}`
}
