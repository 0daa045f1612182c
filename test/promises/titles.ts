// What a test says it proves: the labels that stand first in its title, or in brackets at its end.
//
// A label is a number of a list (C77, F26, S14, L1, H7, A6, R8) or the name of a trace. Labels are parted by spaces or
// commas and may end with a colon: `F26: a loss of…`, `zone-dies, F83 R8: all of it…`, `C100 F43 resources…`,
// `delivered five times starts once (F36)`. What a `describe` says holds for every test in it. A number anywhere else
// in a title is talk and proves nothing.

const TRACE = /^[a-z0-9]+(?:-[a-z0-9]+)+$/
/** One number, or a range of one list: `S1–S5`. */
const NUMBERS = /^([CFSLHAR])(\d{1,3})(?:–\1(\d{1,3}))?$/

/** The numbers a title (with its describes, parted by ` › `) begins with or holds in brackets at its end. */
export function labelsOf(title: string): ReadonlySet<string> {
  return new Set(title.split(' › ').flatMap((part) => [...leading(part), ...trailing(part)]))
}

/** Numbers of the lists in a title that are not labels: most likely a title that broke the convention. */
export function inPassing(title: string): readonly string[] {
  const labels = labelsOf(title)
  const all = title.match(/(?<![\w-])[FSLH]\d{1,2}(?![\w-])/g) ?? []
  return all.filter((number) => !labels.has(number))
}

function leading(part: string): readonly string[] {
  const found: string[] = []
  for (const word of part.trim().split(/\s+/)) {
    const bare = word.replace(/[,:]$/, '')
    // `C77 (json) F63 …`: which case of a table it is.
    if (found.length > 0 && /^\(.+\)$/.test(bare)) continue
    if (!NUMBERS.test(bare) && !TRACE.test(bare)) break
    found.push(...each(bare))
    if (word.endsWith(':')) break
  }
  return found
}

function trailing(part: string): readonly string[] {
  const inside = /\(([^()]*)\)\s*$/.exec(part)?.[1]
  const words = inside?.split(/[\s,]+/).filter((word) => word !== '') ?? []
  return words.length > 0 && words.every((word) => NUMBERS.test(word)) ? words.flatMap(each) : []
}

function each(word: string): readonly string[] {
  const [, list, first, last = first] = NUMBERS.exec(word) ?? []
  if (list === undefined) return []
  const count = Number(last) - Number(first) + 1
  return Array.from({ length: Math.max(count, 0) }, (_, index) => `${list}${Number(first) + index}`)
}
