// A tick waits for its own canary where that decides: the dead are told a tick earlier, and nobody else is.
import { expect, test } from 'vitest'
import { detect } from '../../../functions/detector/handler.ts'
import { world } from '../agents/world.ts'

/** Time from the last beat of a dead agent until its loss is told, ms. */
async function toldAfter(canaryWaitMs: number): Promise<number> {
  const w = await world({ settings: { canaryWaitMs } })
  const [dead, other] = [await w.agent(), await w.agent()]
  await w.run(5_000)
  dead.isUp = false
  const died = dead.lastBeat
  while ((await w.losses()).length === 0 && w.clock.now() < died + 60_000) {
    w.clock.move(1_000)
    if (w.clock.now() - other.lastBeat >= 3_000) await other.beat()
    let isOver = false
    const tick = detect(w.env).finally(() => {
      isOver = true
    })
    // The canary is handled while the tick is under way, or, where nothing waits for it, behind it.
    for (let count = 0; !isOver && canaryWaitMs > 0 && count < 1_000; count++) await w.hear()
    await tick
    await w.hear()
  }
  expect(await w.losses()).toEqual([dead.id])
  return w.clock.now() - died
}

test('F1 L2 a tick that waits for its own canary tells a loss a tick earlier, never before the timeout', async () => {
  const [without, waiting] = [await toldAfter(0), await toldAfter(2_000)]
  expect(waiting).toBeGreaterThan(9_000)
  expect(without - waiting).toBe(1_000)
})

test('H13 a canary that does not come in time is not waited for any longer', async () => {
  const w = await world({ settings: { canaryWaitMs: 100 } })
  const agent = await w.agent()
  await w.run(5_000)
  agent.isUp = false
  for (let step = 0; step < 30; step++) {
    w.clock.move(1_000)
    await detect(w.env)
  }
  expect(await w.losses()).toEqual([])
})
