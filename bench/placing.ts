// How fast ACCEPTs are committed: a burst of tasks for agents that run nothing.
import { commandTask, TestFramework } from '../test/framework.ts'

/** Places `tasks` with so many per ACCEPT; placed means that the ACCEPT was answered 202. Tasks a second. */
export async function placeBurst(master: string, tasks: number, perAccept: number): Promise<number> {
  const framework = await TestFramework.subscribe(master, {
    info: { name: 'placing' },
    capabilities: ['PARTITION_AWARE'],
  })
  try {
    await framework
      .next(({ type }) => type === 'OFFERS')
      .then((event) => framework.decline(event.offers?.offers ?? [], 0))
    let next = 0
    let placed = 0
    const underWay: Promise<void>[] = []
    const started = performance.now()
    while (next < tasks) {
      const event = await framework.next(({ type }) => type === 'OFFERS', 30_000)
      for (const offer of event.offers?.offers ?? []) {
        const count = Math.min(perAccept, tasks - next)
        if (count === 0) break
        const infos = Array.from({ length: count }, () =>
          commandTask(offer, `mock-${perAccept}-${next++}`, 'true'),
        )
        underWay.push(
          framework.launch([offer], infos, 0).then((answer) => {
            if (answer.status !== 202) throw new Error(`ACCEPT was answered ${answer.status}: ${answer.text}`)
            placed += count
          }),
        )
      }
    }
    await Promise.all(underWay)
    return (placed / (performance.now() - started)) * 1_000
  } finally {
    await framework.call({ type: 'TEARDOWN' })
    await framework.untilEnd()
  }
}
