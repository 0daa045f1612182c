// The detector finds a reader's lease lapsed; before it says so the reader renews: the session goes on.
import { expect, test } from 'vitest'
import { puts, type Stage, stage } from './stage.ts'

async function lapsing(): Promise<Stage> {
  const on = await stage()
  await on.w.run(2_000)
  await renew(on, 1_000)
  return on
}

/** As the reader does it: on the holder and the epoch, not on the version. */
async function renew({ w, framework }: Stage, ms: number): Promise<void> {
  const lease = await w.store.get('lease', framework)
  if (lease === undefined) throw new Error('no lease')
  const now = w.clock.now()
  const item = { ...lease, number: lease.number + 1, renewedAt: now, expiresAt: now + ms }
  const when = { name: 'held', holder: lease.holder, epoch: lease.epoch } as const
  expect(await w.store.commit([{ do: 'put', kind: 'lease', item, when }], w.env.ids.uuid())).toEqual({
    kind: 'committed',
  })
}

const isDisconnect = puts('framework', ({ state }) => state === 'disconnected')

test('lease-renewed-before-disconnect: a renewal between the verdict and its write voids the verdict', async () => {
  const on = await lapsing()
  const offerId = await on.agent.offered(on.framework)
  const paused = on.pause(isDisconnect)
  const passes = on.w.run(5_000)
  await paused.reached
  await renew(on, 10_000)
  paused.release()
  await passes
  const after = await on.w.store.get('framework', on.framework)
  expect(after).toMatchObject({ state: 'connected', epoch: on.framework.epoch })
  expect(after?.removeAt).toBeUndefined()
  expect(Object.keys((await on.agent.ledger()).offers)).toEqual([offerId])
  expect(await on.call({ type: 'REVIVE' })).toBe(202)
})

test('the reader does not renew: the session is over', async () => {
  const on = await lapsing()
  await on.w.run(5_000)
  expect(await on.w.store.get('framework', on.framework)).toMatchObject({ state: 'disconnected' })
  expect(await on.call({ type: 'REVIVE' })).toBe(403)
})
