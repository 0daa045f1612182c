// Lanes: one after the other, never behind too many.
import { expect, test } from 'vitest'
import { inLane, LaneFull, MAX_WAITING } from '../../functions/lanes.ts'
import { memoryStore } from '../../store/memory.ts'
import { send, startWorld } from './scheduler/world.ts'

test('work of one lane goes one after the other, also behind work that failed', async () => {
  const env = { store: memoryStore() }
  const order: string[] = []
  const first = Promise.withResolvers<void>()
  const a = inLane(env, 'x', async () => {
    await first.promise
    order.push('a')
    throw new Error('a failed')
  })
  const b = inLane(env, 'x', async () => void order.push('b'))
  const c = inLane(env, 'y', async () => void order.push('c'))
  await c
  first.resolve()
  await expect(a).rejects.toThrow('a failed')
  await b
  expect(order).toEqual(['c', 'a', 'b'])
})

test('L5 a lane has a bound: beyond it the caller is asked to come back, and later there is room again', async () => {
  const env = { store: memoryStore() }
  const gate = Promise.withResolvers<void>()
  const waiting = Array.from({ length: MAX_WAITING }, () => inLane(env, 'x', () => gate.promise))
  await expect(inLane(env, 'x', async () => {})).rejects.toThrow(LaneFull)
  // Others, and work inside a lane that comes back to it, are not concerned.
  expect(await inLane(env, 'y', async () => 'there')).toBe('there')
  gate.resolve()
  await Promise.all(waiting)
  expect(await inLane(env, 'x', async () => 'again')).toBe('again')
})

test('C120 a full lane is 503 with Retry-After', async () => {
  const world = await startWorld()
  try {
    const gate = Promise.withResolvers<void>()
    const waiting = Array.from({ length: MAX_WAITING }, () =>
      inLane(world.env, 'ledger/m-S1', () => gate.promise),
    )
    const answer = await send(world, {
      type: 'DECLINE',
      framework_id: { value: 'f' },
      decline: { offer_ids: [{ value: 'm-O1.x' }] },
    })
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
    gate.resolve()
    await Promise.all(waiting)
  } finally {
    await world.close()
  }
})
