// Tables for people, JSON for programs; colours only on a terminal that wants them.

import { styleText } from 'node:util'
import Table from 'cli-table3'

/** Controls, marks that nobody sees or that turn the reading direction, and the line ends of Unicode. */
const STEERING = /[\p{Cc}\p{Cf}\u2028\u2029]/gu

/** Characters that could steer a terminal are shown, not obeyed (A20). */
export function harmless(text: string): string {
  return text.replace(STEERING, (character) => {
    const digits = character.codePointAt(0)?.toString(16) ?? ''
    return digits.length > 4 ? `\\u{${digits}}` : `\\u${digits.padStart(4, '0')}`
  })
}

/** The same for several lines that are ours. */
export function harmlessLines(text: string): string {
  return text.split('\n').map(harmless).join('\n')
}

/** JSON that reads the same and steers no terminal: what JSON itself lets through is escaped, too. */
export function asJson(data: unknown, indent?: number): string {
  const text = JSON.stringify(data, null, indent)
  return text
    .split('\n')
    .map((line) => line.replace(STEERING, escaped))
    .join('\n')
}

/** One escape per unit of UTF-16, as JSON has it. */
function escaped(character: string): string {
  return Array.from(
    { length: character.length },
    (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
  ).join('')
}

/** A plain table without borders: heads, then rows. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const none = {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
    left: '',
    'left-mid': '',
    mid: '',
    'mid-mid': '',
    right: '',
    'right-mid': '',
    middle: '  ',
  }
  const drawn = new Table({
    head: heads.map((head) => styleText('dim', head)),
    chars: none,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  for (const row of rows) drawn.push([...row])
  return drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

/** Prints rows as a table, or the data itself as JSON. */
export function show(
  data: unknown,
  json: boolean,
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  whenEmpty: string,
): void {
  if (json) console.log(asJson(data, 2))
  else if (rows.length === 0) console.log(whenEmpty)
  else console.log(table(heads, rows))
}

export function stateColour(state: string): string {
  const short = harmless(state)
  if (/RUNNING|FINISHED|active|connected$/.test(state) && !/disconnected|inactive/.test(state))
    return styleText('green', short)
  if (/FAILED|ERROR|LOST|GONE|DROPPED|unreachable|gone/.test(state)) return styleText('red', short)
  if (/KILL|UNREACHABLE|deactivated|drain|disconnected/.test(state)) return styleText('yellow', short)
  return short
}

/** Time since a moment in seconds since 1970, such as `3m`. */
export function age(seconds: number | undefined, now: number = Date.now() / 1000): string {
  if (seconds === undefined || seconds === 0) return '-'
  const passed = Math.max(0, now - seconds)
  if (passed < 100) return `${Math.floor(passed)}s`
  if (passed < 6_000) return `${Math.floor(passed / 60)}m`
  if (passed < 172_800) return `${Math.floor(passed / 3_600)}h`
  return `${Math.floor(passed / 86_400)}d`
}
