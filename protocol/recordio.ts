// RecordIO, the framing of event streams: the decimal byte length, a newline, the bytes.

/** One record in one Buffer, to be written at once: fielded clients expect a whole record per chunk. */
export function encodeRecord(body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${body.length}\n`, 'latin1'), body])
}

/** A stream that is not RecordIO; nothing after it can be trusted. */
export class RecordError extends Error {}

export interface RecordLimits {
  /** Longer records are refused before they are gathered; 16 MiB unless told. */
  readonly maxRecordBytes?: number
}

const defaultMaxRecordBytes = 16 * 1024 * 1024
const newline = 0x0a
const zero = 0x30
const nine = 0x39
/** The digits of the longest length that any limit allows. */
const maxHeaderBytes = 20

/** Takes a stream apart again, however its bytes were split. */
export class RecordDecoder {
  private readonly maxRecordBytes: number
  private header = ''
  /** Bytes the current record still lacks; undefined while its length is being read. */
  private lacking: number | undefined
  private parts: Uint8Array[] = []
  private failure: RecordError | undefined

  constructor(limits: RecordLimits = {}) {
    this.maxRecordBytes = limits.maxRecordBytes ?? defaultMaxRecordBytes
  }

  /**
   * The records completed by this chunk.
   *
   * A bad header throws `RecordError`, now and at every later push. Records that were whole before it are
   * returned first, so that what a reader gets does not depend on how the stream was split.
   */
  push(chunk: Uint8Array): Buffer[] {
    const records: Buffer[] = []
    let at = 0
    while (at < chunk.length && this.failure === undefined) {
      at = this.lacking === undefined ? this.takeHeader(chunk, at) : this.takeBody(chunk, at, this.lacking)
      if (this.lacking === 0) records.push(this.finish())
    }
    if (this.failure !== undefined && records.length === 0) throw this.failure
    return records
  }

  /** Call at the end of the stream: throws if it was bad or was cut inside a record. */
  end(): void {
    if (this.failure !== undefined) throw this.failure
    if (this.lacking !== undefined || this.header !== '')
      throw new RecordError('The stream ends inside a record')
  }

  /** Reads digits up to the newline; yields where to go on. */
  private takeHeader(chunk: Uint8Array, start: number): number {
    for (let at = start; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0
      if (byte === newline) {
        this.beginBody()
        return at + 1
      }
      if (byte < zero || byte > nine)
        return this.fail('A record begins with its length in decimal digits', chunk)
      this.header += String.fromCharCode(byte)
      if (this.header.length > maxHeaderBytes)
        return this.fail('The length of a record has too many digits', chunk)
    }
    return chunk.length
  }

  private beginBody(): void {
    const length = Number(this.header)
    if (this.header === '')
      this.failure = new RecordError('A record begins with its length in decimal digits')
    else if (length > this.maxRecordBytes) {
      this.failure = new RecordError(
        `A record has ${length} bytes, more than the ${this.maxRecordBytes} allowed`,
      )
    } else this.lacking = length
    this.header = ''
  }

  private takeBody(chunk: Uint8Array, start: number, lacking: number): number {
    const part = chunk.subarray(start, start + lacking)
    this.parts.push(part)
    this.lacking = lacking - part.length
    return start + part.length
  }

  private finish(): Buffer {
    // Copies, because the caller may use its chunk again.
    const record = Buffer.concat(this.parts)
    this.parts = []
    this.lacking = undefined
    return record
  }

  private fail(reason: string, chunk: Uint8Array): number {
    this.failure = new RecordError(reason)
    return chunk.length
  }
}
