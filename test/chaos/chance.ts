// Chance by seed: the same seed draws the same numbers.

export interface Chance {
  /** From 0 to just below 1. */
  number(): number
  between(least: number, most: number): number
  pick<T>(from: readonly T[]): T
}

/** mulberry32. */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0
  const number = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    number,
    between: (least, most) => least + number() * (most - least),
    pick(from) {
      const one = from[Math.floor(number() * from.length)]
      if (one === undefined) throw new Error('there is nothing to pick from')
      return one
    },
  }
}
