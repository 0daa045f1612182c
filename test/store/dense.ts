// Text that packing hardly shortens: printable characters in no order.
const CHARACTERS = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).filter(
  (character) => character !== '"' && character !== '\\',
)

/** So many characters, the same at each call; deflated they take about five sixths. */
export function dense(length: number): string {
  let state = 1
  let text = ''
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    text += CHARACTERS[(state >> 8) % CHARACTERS.length]
  }
  return text
}
