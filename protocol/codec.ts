// The gate of the wire: bytes of either media type become plain messages and back.
//
// In memory a message is plain data in the wire's spelling, the same whichever encoding it came in:
// enums are names, bytes canonical base64 text, 64-bit integers numbers or bigints, maps objects;
// what is absent is absent, an empty list included. So messages can be compared, stored and logged.
import { compileJsonReader, parseJson } from './json-reading.ts'
import { compileJsonWriter } from './json-writing.ts'
import type { MediaType } from './media-types.ts'
import type { MessageTypes } from './messages.ts'
import { readProtobuf } from './protobuf-reading.ts'
import { writeProtobuf } from './protobuf-writing.ts'
import { missingFields } from './required-fields.ts'
import { Place, WireError } from './wire-error.ts'

export type MessageName = keyof MessageTypes

/** A message that arrived whole, or a sentence on what is wrong with it. */
export type Decoded<T> =
  | { readonly ok: true; readonly message: T }
  | { readonly ok: false; readonly error: string }

export interface DecodeOptions {
  /** Bodies above this are refused unread; 16 MiB unless told. */
  readonly maxBytes?: number
}

export interface EncodeOptions {
  /** Writes lists that are present and empty as `[]` in JSON, as the operator API does; events omit them. */
  readonly emptyLists?: boolean
}

const defaultMaxBytes = 16 * 1024 * 1024

/** Reads a message of the named type, e.g. `mesos.v1.scheduler.Call`. Never throws for what a client sent. */
export function decodeMessage<N extends MessageName>(
  typeName: N,
  mediaType: MediaType,
  body: Uint8Array,
  options: DecodeOptions = {},
): Decoded<MessageTypes[N]> {
  const maxBytes = options.maxBytes ?? defaultMaxBytes
  if (body.length > maxBytes) {
    return { ok: false, error: `The body has ${body.length} bytes, more than the ${maxBytes} allowed` }
  }
  return decoded<N>(typeName, (place) =>
    mediaType === 'application/json'
      ? compileJsonReader(typeName)(parseJson(body), place)
      : readProtobuf(typeName, body, place),
  )
}

/** Reads a message from JSON that is parsed already, as in the forms of the older endpoints. */
export function decodeJsonValue<N extends MessageName>(
  typeName: N,
  value: unknown,
): Decoded<MessageTypes[N]> {
  return decoded<N>(typeName, (place) => compileJsonReader(typeName)(value, place))
}

/** Writes a message. A missing required field is a bug of the caller and throws. */
export function encodeMessage<N extends MessageName>(
  typeName: N,
  mediaType: MediaType,
  message: MessageTypes[N],
  options: EncodeOptions = {},
): Buffer {
  if (mediaType === 'application/x-protobuf') return writeProtobuf(typeName, message)
  return Buffer.from(jsonText(typeName, message, options), 'latin1')
}

/** The JSON of a message as text in pure ASCII, so that its bytes and its characters are equally many. */
export function jsonText<N extends MessageName>(
  typeName: N,
  message: MessageTypes[N],
  options: EncodeOptions = {},
): string {
  const text = compileJsonWriter(typeName)(message, options.emptyLists ?? false)
  return nonAscii.test(text) ? text.replace(everyNonAscii, escapeCodeUnit) : text
}

// DEL is ASCII, and no character to print.
const nonAscii = /[\u007f-\uffff]/
const everyNonAscii = /[\u007f-\uffff]/g

function escapeCodeUnit(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

function decoded<N extends MessageName>(
  typeName: N,
  read: (place: Place) => unknown,
): Decoded<MessageTypes[N]> {
  const place = new Place()
  try {
    const message = read(place)
    const missing = missingFields(typeName, message)
    if (missing.length > 0) return { ok: false, error: missingSentence(missing) }
    // The readers walked the fields of this very type and the required ones are there.
    return { ok: true, message: message as MessageTypes[N] }
  } catch (error) {
    if (error instanceof WireError) return { ok: false, error: error.message }
    throw error
  }
}

/** A long list of broken items need not be answered in full. */
const mostPathsNamed = 20

function missingSentence(paths: readonly string[]): string {
  const named = paths.slice(0, mostPathsNamed).join(', ')
  const others = paths.length - mostPathsNamed
  return `Missing required fields: ${named}${others > 0 ? ` and ${others} more` : ''}`
}
