// JSON text of a body that also carries what JSON cannot: int64 beyond 2^53, Infinity and NaN.
//
// Nearly no body has them, so the plain way is tried first. A special is a string that begins with a NUL character
// and says what it is; a string that begins with NUL itself is marked as a string. Objects would not do as markers:
// roles and framework ids are keys of maps here, and people choose them.

const MARK = '\u0000'
/** How JSON writes the mark; a text without it has no specials. */
const WRITTEN_MARK = '\\u0000'
/** What JSON.stringify makes of Infinity and NaN. */
const PERHAPS_LOST = /[:,[]null[,}\]]/

/** The text of a value made of plain data; undefined fields are left out. */
export function writeBody(value: object): string {
  try {
    const text = JSON.stringify(value)
    if (!text.includes(WRITTEN_MARK) && !(text.includes('null') && PERHAPS_LOST.test(text))) return text
  } catch (error) {
    // A bigint; anything else fails again below.
    if (!(error instanceof TypeError)) throw error
  }
  return JSON.stringify(value, (_key, field: unknown) => marked(field))
}

/** The value of a text made by `writeBody`. */
export function readBody(text: string): unknown {
  if (!text.includes(WRITTEN_MARK)) return JSON.parse(text)
  return JSON.parse(text, (_key, field: unknown) => unmarked(field))
}

function marked(field: unknown): unknown {
  if (typeof field === 'bigint') return `${MARK}i${field}`
  if (typeof field === 'number' && !Number.isFinite(field)) return `${MARK}n${field}`
  if (typeof field === 'string' && field.startsWith(MARK)) return `${MARK}s${field}`
  return field
}

function unmarked(field: unknown): unknown {
  if (typeof field !== 'string' || !field.startsWith(MARK)) return field
  const rest = field.slice(2)
  switch (field[1]) {
    case 'i':
      return BigInt(rest)
    case 'n':
      return Number(rest)
    default:
      return rest
  }
}
