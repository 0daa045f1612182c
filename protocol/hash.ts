// Short hashes: to spread things over shards, and to name a thing by what it consists of.
import { hash } from 'node:crypto'

/** A number of 32 bits that is the same for the same text, for choosing one of a few places. */
export function spread(text: string): number {
  return hash('sha256', text, 'buffer').readUInt32BE(0)
}

/** One of `places` places, from 0, the same for the same text; a text has no choice where there is one. */
export function placeOf(text: string, places: number): number {
  return places === 1 ? 0 : spread(text) % places
}

/** A path-safe name of 22 characters that two different lists share by chance once in 2^64 tries. */
export function nameOf(parts: readonly string[]): string {
  return hash('sha256', JSON.stringify(parts), 'base64url').slice(0, 22)
}
