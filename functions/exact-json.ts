// JSON for agents, in which no number is lost: 64-bit integers keep all their digits, Infinity stays what it is.

/** Writes what JSON.stringify refuses (bigint) or loses (Infinity, a memory limit's wire value) as plain numbers. */
export function exactJson(value: unknown): string {
  return JSON.stringify(value, (_key, field: unknown) => {
    if (typeof field === 'bigint') return rawJson(String(field))
    // Every reader of JSON takes a number this large for Infinity.
    if (field === Number.POSITIVE_INFINITY) return rawJson('1e999')
    return field
  })
}

/** `JSON.rawJSON`, which the compiler's library does not know yet. */
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON
