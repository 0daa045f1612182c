// Arithmetic on ranges of whole numbers, such as ports: sorted, without overlap, neighbours joined.

/** Begins and ends in turn, ends inclusive: `[31000-31002, 31005-31005]` is `[31000, 31002, 31005, 31005]`. */
export type Ranges = readonly number[]

/** Brings pairs in any order into the one form; overlapping and touching ones become one. */
export function coalesce(pairs: readonly (readonly [begin: number, end: number])[]): Ranges {
  const sorted = pairs.length < 2 ? pairs : [...pairs].sort((left, right) => left[0] - right[0])
  const joined: number[] = []
  for (const [begin, end] of sorted) {
    const last = joined.at(-1)
    if (last === undefined || begin > last + 1) joined.push(begin, end)
    else if (end > last) joined[joined.length - 1] = end
  }
  return joined
}

export function pairsOf(ranges: Ranges): [begin: number, end: number][] {
  const pairs: [number, number][] = []
  for (let i = 0; i + 1 < ranges.length; i += 2) pairs.push([at(ranges, i), at(ranges, i + 1)])
  return pairs
}

export function addRanges(left: Ranges, right: Ranges): Ranges {
  return coalesce([...pairsOf(left), ...pairsOf(right)])
}

/** What is in `left` and not in `right`. */
export function subtractRanges(left: Ranges, right: Ranges): Ranges {
  const rest: number[] = []
  let next = 0
  for (let i = 0; i < left.length; i += 2) {
    let begin = at(left, i)
    const end = at(left, i + 1)
    while (next < right.length && at(right, next + 1) < begin) next += 2
    for (let cut = next; cut < right.length && at(right, cut) <= end; cut += 2) {
      if (at(right, cut) > begin) rest.push(begin, at(right, cut) - 1)
      begin = at(right, cut + 1) + 1
    }
    if (begin <= end) rest.push(begin, end)
  }
  return rest
}

export function containsRanges(left: Ranges, right: Ranges): boolean {
  return subtractRanges(right, left).length === 0
}

/** How many numbers the ranges hold. */
export function countRanges(ranges: Ranges): number {
  let count = 0
  for (let i = 0; i < ranges.length; i += 2) count += at(ranges, i + 1) - at(ranges, i) + 1
  return count
}

function at(ranges: Ranges, index: number): number {
  return ranges[index] ?? Number.NaN
}
