// The short form of a shard of beats: it is written with every batch of beats, so its kilobytes are the price of a beat.
//
//   6 | shard | count | canary number, stamp | hearing since | cluster | ids | one record per agent
//
// Packed text takes 47 bytes an agent, for ids and digests do not pack; this takes 28 with tasks, 24 without. Numbers are
// in bytes of seven bits, stamps count back from the newest, ids stand together as bits. A deflated body never begins
// with this byte: its block type is reserved.
import { Buffer } from 'node:buffer'
import type { BeatRecord, Beats } from '../master/model.ts'

const FORM = 0x06
/** `<uuid of the cluster>-S<22 characters>`; the 22 are written as six bits each. */
const ID = /^([\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12})-S([A-Za-z\d]{22})$/
const ID_CHARACTERS = 22
const UUID_BYTES = 16
/** Digests by their length in hexadecimal digits; the zeros of an agent without tasks take no room. */
const DIGESTS = { none: 0, zeros8: 1, zeros16: 2, some8: 3, some16: 4 } as const
const KINDS_OF_DIGEST = 8
/** The kind of the digest stands in the same number. */
const MOST = Number.MAX_SAFE_INTEGER / KINDS_OF_DIGEST

/** Undefined when something in it has not the usual shape: then it is written as text. */
export function packBeats(beats: Beats): Buffer | undefined {
  const { shard, canary, hearingSince } = beats
  const records = Object.entries(beats.agents)
  const ids = records.map(([agentId]) => ID.exec(agentId))
  const cluster = ids[0]?.[1]
  if (cluster === undefined || ids.some((id) => id?.[1] !== cluster)) return undefined
  if (!isUsual(beats)) return undefined
  const newest = Math.max(...records.map(([, { stamp }]) => stamp))
  const oldest = Math.min(...records.map(([, { incarnation }]) => incarnation))
  const out: number[] = [FORM]
  for (const value of [shard, records.length, canary.number, canary.stamp, hearingSince, newest, oldest])
    writeNumber(out, value)
  const digests: string[] = []
  const bodies: number[] = []
  for (const [, record] of records) {
    const kind = kindOf(record.digest)
    if (kind === undefined) return undefined
    writeNumber(bodies, newest - record.stamp)
    writeNumber(bodies, record.incarnation - oldest)
    writeNumber(bodies, record.number)
    writeNumber(bodies, record.applied * KINDS_OF_DIGEST + kind)
    if (kind === DIGESTS.some8 || kind === DIGESTS.some16) digests.push(record.digest)
  }
  return Buffer.concat([
    Buffer.from(out),
    Buffer.from(cluster.replaceAll('-', ''), 'hex'),
    bitsOf(ids.map((id) => id?.[2] ?? '').join('')),
    Buffer.from(bodies),
    Buffer.from(digests.join(''), 'hex'),
  ])
}

export function isPackedBeats(body: Uint8Array): boolean {
  return body[0] === FORM
}

/** The item without its version. Throws on anything that `packBeats` did not write. */
export function unpackBeats(bytes: Uint8Array): Omit<Beats, 'version'> {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const reader: Reader = { body, at: 1 }
  const [shard, count, number, stamp] = [next(reader), next(reader), next(reader), next(reader)]
  const [hearingSince, newest, oldest] = [next(reader), next(reader), next(reader)]
  const cluster = uuidOf(take(reader, UUID_BYTES))
  const ids = take(reader, bytesOfIds(count)).toString('base64')
  const bare = Array.from({ length: count }, () => {
    const [behind, incarnation, beats, both] = [next(reader), next(reader), next(reader), next(reader)]
    return {
      incarnation: oldest + incarnation,
      number: beats,
      stamp: newest - behind,
      applied: Math.floor(both / KINDS_OF_DIGEST),
      kind: both % KINDS_OF_DIGEST,
    }
  })
  const agents = Object.fromEntries(
    bare.map(({ kind, ...record }, index): readonly [string, BeatRecord] => {
      const id = ids.slice(index * ID_CHARACTERS, (index + 1) * ID_CHARACTERS)
      return [`${cluster}-S${id}`, { ...record, digest: digestOf(kind, reader) }]
    }),
  )
  return { shard, agents, canary: { number, stamp }, hearingSince }
}

function isUsual({ shard, canary, hearingSince, agents }: Beats): boolean {
  const records = Object.values(agents)
  const isCount = (value: number) => Number.isSafeInteger(value) && value >= 0
  return (
    [shard, canary.number, canary.stamp, hearingSince].every(isCount) &&
    records.every(
      ({ incarnation, number, stamp, applied }) =>
        [incarnation, number, stamp, applied].every(isCount) && applied < MOST,
    )
  )
}

function kindOf(digest: string): number | undefined {
  if (digest === '') return DIGESTS.none
  if (!/^(?:[\da-f]{8}|[\da-f]{16})$/.test(digest)) return undefined
  const isShort = digest.length === 8
  if (/^0+$/.test(digest)) return isShort ? DIGESTS.zeros8 : DIGESTS.zeros16
  return isShort ? DIGESTS.some8 : DIGESTS.some16
}

function digestOf(kind: number, reader: Reader): string {
  if (kind === DIGESTS.none) return ''
  if (kind === DIGESTS.zeros8) return '0'.repeat(8)
  if (kind === DIGESTS.zeros16) return '0'.repeat(16)
  return take(reader, kind === DIGESTS.some8 ? 4 : 8).toString('hex')
}

/** Seven bits a byte, the lowest first; the eighth says that more follow. */
function writeNumber(out: number[], value: number): void {
  let rest = value
  while (rest > 127) {
    out.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  out.push(rest)
}

interface Reader {
  readonly body: Buffer
  at: number
}

function next(reader: Reader): number {
  let value = 0
  for (let unit = 1; ; unit *= 128) {
    const byte = reader.body[reader.at++]
    if (byte === undefined) throw new RangeError('a packed shard of beats ends too early')
    value += (byte & 127) * unit
    if (byte < 128) return value
  }
}

function take(reader: Reader, length: number): Buffer {
  const taken = reader.body.subarray(reader.at, reader.at + length)
  if (taken.length < length) throw new RangeError('a packed shard of beats ends too early')
  reader.at += length
  return taken
}

/** Characters of base64 are six bits each; what is missing to whole groups is filled up. */
function bitsOf(characters: string): Buffer {
  const whole = characters.padEnd(Math.ceil(characters.length / 4) * 4, 'A')
  return Buffer.from(whole, 'base64')
}

function bytesOfIds(count: number): number {
  return Math.ceil((count * ID_CHARACTERS) / 4) * 3
}

function uuidOf(bytes: Buffer): string {
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
