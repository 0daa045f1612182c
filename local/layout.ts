// Text on a terminal: widths as they are seen, sections that share the rows there are.
import { stripVTControlCharacters } from 'node:util'

export interface Section {
  readonly title?: string
  readonly lines: readonly string[]
  /** Lines it has at least, before others get more. */
  readonly least: number
  /** Which end of the lines stays when not all have room; `first` unless given. */
  readonly keep?: 'first' | 'last'
}

/**
 * The sections one below the other in at most so many rows, blank lines between them while there is room. Each gets
 * its least, then all grow in turn. What had no room is said.
 */
export function stacked(sections: readonly Section[], rows: number): string[] {
  const titles = sections.filter(({ title }) => title !== undefined).length
  const room = sections.map(({ lines, least }) => Math.min(lines.length, least))
  const sum = () => titles + room.reduce((total, one) => total + one, 0)
  const wanted = titles + sections.reduce((total, { lines }) => total + lines.length, 0)
  const blanks = sum() + 2 * sections.length <= rows || wanted + sections.length <= rows ? sections.length : 0
  for (let grown = true; grown && sum() + blanks < rows; ) {
    grown = false
    for (const [index, { lines }] of sections.entries()) {
      const has = room[index] ?? 0
      if (has >= lines.length || sum() + blanks >= rows) continue
      room[index] = has + 1
      grown = true
    }
  }
  const drawn = sections.flatMap((section, index) => {
    const body = shortened(section, room[index] ?? 0).map((line) => `  ${line}`)
    return [...(blanks > 0 ? [''] : []), ...(section.title === undefined ? [] : [section.title]), ...body]
  })
  return drawn.slice(0, rows)
}

function shortened({ lines, keep = 'first' }: Section, room: number): readonly string[] {
  if (lines.length <= room) return lines
  if (keep === 'last') return room === 0 ? [] : lines.slice(-room)
  return room <= 1
    ? lines.slice(0, room)
    : [...lines.slice(0, room - 1), `… ${lines.length - room + 1} more lines`]
}

/** Left and right ends of one line; the right one only where both have room. */
export function paired(left: string, right: string, columns: number): string {
  const gap = columns - widthOf(left) - widthOf(right)
  return gap < 2 ? left : `${left}${' '.repeat(gap)}${right}`
}

/** Filled with blanks, or cut, to exactly so many columns. */
export function padded(text: string, columns: number): string {
  const width = widthOf(text)
  return width > columns ? cut(text, columns) : `${text}${' '.repeat(columns - width)}`
}

/** Cuts to so many columns; colours that were begun are ended. */
export function cut(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text
  let out = ''
  let width = 0
  // Colour codes take no room; everything else goes character by character.
  for (const [part] of text.matchAll(PARTS)) {
    if (part.startsWith(ESCAPE)) {
      out += part
      continue
    }
    width += widthOf(part)
    if (width > columns - 1) break
    out += part
  }
  return `${out}…${text.includes(ESCAPE) ? `${ESCAPE}[0m` : ''}`
}

const ESCAPE = '\u001B'
// biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes begin with one
const PARTS = /\u001B\[[\d;]*m|./gsu

/** East Asian characters and pictures take two columns, marks on other characters none. */
export function widthOf(text: string): number {
  let width = 0
  for (const character of stripVTControlCharacters(text)) {
    if (/\p{M}|\u200D/u.test(character)) continue
    width += WIDE.test(character) ? 2 : 1
  }
  return width
}

const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303F\uFF01-\uFF60]/u

/** Characters that could steer a terminal, in names that others chose, are taken out (A20). */
export function harmless(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '?')
}
