// JSON objects that carry a checksum as their last member, so that damage is told apart from what was written.
//
// The seal is part of the object: a release that knows no seals reads the rest, and ignores it as any unknown member.
import { crc32 } from 'node:zlib'
import { readJson, writeJson } from './exact-json.ts'

const SEAL = /,?"crc":"([0-9a-f]{8})"\}$/

/** One line of JSON; without a line end. */
export function seal(value: object): string {
  const text = writeJson(value)
  const open = text.slice(0, -1)
  return `${open}${open === '{' ? '' : ','}"crc":"${checksum(open)}"}`
}

/**
 * The object that was sealed, with its seal taken off. Throws a part of a sentence when it is damaged. One without a
 * seal is taken as it is: an earlier release wrote it.
 */
export function unseal(text: string): Readonly<Record<string, unknown>> {
  const found = SEAL.exec(text)
  if (found !== null && checksum(text.slice(0, found.index)) !== found[1]) {
    throw new Error('its checksum is another')
  }
  const value = readJson(found === null ? text : `${text.slice(0, found.index)}}`)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('it is no object')
  return value as Readonly<Record<string, unknown>>
}

/** Whether a text holds a whole seal somewhere: then it is not the torn beginning of a record. */
export function holdsSeal(text: string): boolean {
  return /"crc":"[0-9a-f]{8}"\}/.test(text)
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0')
}
