// Lets only so many in at once; the others wait in the order they came.

export interface Turnstile {
  /** Resolves when there is room; call what it yields once, when done. */
  enter(): Promise<() => void>
}

export function turnstile(room: number): Turnstile {
  const waiting: (() => void)[] = []
  let inside = 0
  return {
    async enter() {
      if (inside < room) inside++
      else await new Promise<void>((resolve) => waiting.push(resolve))
      return leave
    },
  }

  /** The place goes to the next one, if any. */
  function leave(): void {
    const next = waiting.shift()
    if (next === undefined) inside--
    else next()
  }
}
