// Waiting longer each time, with jitter, so that connectors that failed together do not come back together.

/** ms to wait before try number `tries` (from 0): between half of `firstMs` doubled each time and all of it, at most `capMs`. */
export function backoffMs(
  tries: number,
  {
    firstMs,
    capMs,
    random,
  }: { readonly firstMs: number; readonly capMs: number; readonly random: () => number },
): number {
  const window = Math.min(firstMs * 2 ** Math.min(tries, 20), capMs)
  return (window * (1 + random())) / 2
}
