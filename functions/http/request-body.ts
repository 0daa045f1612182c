// Reading a request's body: bounded while it comes in, and bounded again while it is inflated.
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { MAX_BODY_BYTES } from '../../master/limits.ts'
import { type HttpAnswer, text } from './types.ts'

const inflate = promisify(gunzip)

export type ReadBody = { readonly body: Uint8Array } | { readonly refused: HttpAnswer }

/** Gathers the body, whether it has a length or comes in chunks. Above the limit it is refused unread. */
export async function readBody(
  parts: AsyncIterable<Uint8Array>,
  headers: Readonly<Record<string, string | undefined>>,
): Promise<ReadBody> {
  const announced = Number(headers['content-length'] ?? 0)
  if (announced > MAX_BODY_BYTES) return tooLarge()
  const gathered: Uint8Array[] = []
  let size = 0
  for await (const part of parts) {
    size += part.length
    if (size > MAX_BODY_BYTES) return tooLarge()
    gathered.push(part)
  }
  return await decodedBody(Buffer.concat(gathered, size), headers['content-encoding'])
}

/** Undoes the Content-Encoding of a whole body. */
export async function decodedBody(body: Uint8Array, encoding: string | undefined): Promise<ReadBody> {
  switch (encoding?.trim().toLowerCase()) {
    case undefined:
    case '':
    case 'identity':
      return { body }
    case 'gzip':
    case 'x-gzip':
      return await inflated(body)
    default:
      return { refused: text(415, `Bodies may be sent plain or with Content-Encoding gzip, not ${encoding}`) }
  }
}

async function inflated(body: Uint8Array): Promise<ReadBody> {
  try {
    return { body: await inflate(body, { maxOutputLength: MAX_BODY_BYTES }) }
  } catch (error) {
    if (error instanceof RangeError) return tooLarge()
    return { refused: text(400, 'The body is announced as gzip but cannot be inflated') }
  }
}

/** Refused for its size, by whoever sees it first. */
export function tooLarge(): ReadBody {
  return { refused: text(413, `A body may have at most ${MAX_BODY_BYTES} bytes, also after inflating`) }
}
