// Waits for something to hold in real time.

const LOOK_MS = 20

/** Looks until it holds; throws a sentence after so many ms, a minute unless told. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = 60_000,
): Promise<void> {
  for (const end = performance.now() + withinMs; ; ) {
    if (await holds()) return
    if (performance.now() > end) throw new Error(`not within ${withinMs / 1_000} s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
}
