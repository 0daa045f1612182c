// The two encodings of the API, and how a request names the one it sends and the one it wants.

export const jsonType = 'application/json'
export const protobufType = 'application/x-protobuf'
export const recordioType = 'application/recordio'

export type MediaType = typeof jsonType | typeof protobufType

/**
 * The encoding a `Content-Type` or `Message-Content-Type` names, or undefined for any other.
 *
 * Mesos compares the whole header; we also accept parameters, because `; charset=utf-8` is a habit of many clients.
 */
export function parseContentType(header: string): MediaType | undefined {
  const [name = ''] = header.split(';')
  switch (name.trim()) {
    case jsonType:
      return jsonType
    case protobufType:
      return protobufType
    default:
      return undefined
  }
}

/** True for `application/recordio`, which wraps records of one of the two encodings. */
export function isRecordio(header: string): boolean {
  return header.split(';')[0]?.trim() === recordioType
}

/** The encoding to answer in: JSON whenever `Accept` allows it, whatever the q-values; undefined if neither. */
export function negotiate(accept: string | undefined): MediaType | undefined {
  if (accepts(accept, jsonType)) return jsonType
  return accepts(accept, protobufType) ? protobufType : undefined
}

/** Whether an `Accept` header allows a type. A missing header allows everything, `q=0` excludes. */
export function accepts(accept: string | undefined, type: string): boolean {
  if (accept === undefined || accept.trim() === '') return true
  const [family = ''] = type.split('/')
  const ranges = accept.toLowerCase().split(',').map(parseRange)
  // The most exact range decides: `application/json;q=0, */*` allows all but JSON.
  for (const name of [type, `${family}/*`, '*/*']) {
    const range = ranges.find((candidate) => candidate.name === name)
    if (range !== undefined) return range.quality > 0
  }
  return false
}

function parseRange(text: string): { readonly name: string; readonly quality: number } {
  const [name = '', ...parameters] = text.split(';').map((part) => part.trim())
  const q = parameters.find((parameter) => parameter.startsWith('q='))
  const quality = q === undefined ? 1 : Number.parseFloat(q.slice(2))
  return { name, quality: Number.isNaN(quality) ? 1 : quality }
}
