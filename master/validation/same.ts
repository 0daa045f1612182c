// Messages compared and measured as what they say, not as how they are held in memory.

/** True if two messages say the same: absent and undefined are one, the order of fields is nothing. */
export function sameMessage(left: unknown, right: unknown): boolean {
  if (left === right) return true
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item, index) => sameMessage(item, right[index]))
  }
  if (!isMessage(left) || !isMessage(right)) return Object.is(left, right)
  const names = new Set([...Object.keys(left), ...Object.keys(right)])
  return [...names].every((name) => sameMessage(left[name], right[name]))
}

/** About how many characters a message has as JSON text; never less than half of its bytes in the store. */
export function sizeOf(message: unknown): number {
  if (typeof message === 'string') return Buffer.byteLength(message) + 2
  if (Array.isArray(message)) return message.reduce((sum: number, item) => sum + sizeOf(item) + 1, 2)
  if (!isMessage(message)) return 8
  return Object.entries(message).reduce((sum, [name, value]) => sum + name.length + 4 + sizeOf(value), 2)
}

/** True if a message has an integer beyond 2^53 anywhere. */
export function holdsBigint(message: unknown): boolean {
  if (typeof message === 'bigint') return true
  if (Array.isArray(message)) return message.some(holdsBigint)
  return isMessage(message) && Object.values(message).some(holdsBigint)
}

function isMessage(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
