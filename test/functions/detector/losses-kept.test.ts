// The list of losses has an end: what no reader tells any more leaves the table.
import { expect, test } from 'vitest'
import { LOSS_TOLD_MS } from '../../../master/limits.ts'
import { world } from '../agents/world.ts'

test('F6 H10 a loss is told for a day and is garbage after two; what comes later is numbered on', async () => {
  const w = await world()
  const [first, second, other] = [await w.agent(), await w.agent(), await w.agent()]
  await w.run(5_000)
  first.isUp = false
  await w.run(15_000)
  expect(await w.losses()).toEqual([first.id])
  const { found } = await w.store.query('losses', {})
  const loss = found[0]?.item ?? expect.fail('no loss')
  expect((loss.ttl ?? 0) * 1_000).toBeGreaterThanOrEqual(loss.at + 2 * LOSS_TOLD_MS)
  expect((loss.ttl ?? 0) * 1_000).toBeLessThan(loss.at + 2 * LOSS_TOLD_MS + 1_000)

  w.clock.move(2 * LOSS_TOLD_MS + 60_000)
  await w.run(20_000)
  expect(await w.losses()).toEqual([])
  second.isUp = false
  await w.run(15_000)
  expect(await w.losses()).toEqual([second.id])
  expect((await w.store.get('lossHead', {}))?.last).toBe(2)
  expect((await other.ledger()).life).toBe('active')
})
