// A worker that cannot reach the table does not know whether its session is still its own.
import { expect, test } from 'vitest'
import { UNRENEWED_MS } from '../../../functions/scheduler/lease.ts'
import { openStream, startWorld } from './world.ts'

test('F67: it keeps its stream for an outage of five minutes, and ends it before it could beat for a lost one for long', async () => {
  const world = await startWorld()
  try {
    const stream = await openStream(world, { info: { failover_timeout: 60 } })
    await stream.next('HEARTBEAT')
    let isEnded = false
    void stream.ended.then(() => {
      isEnded = true
    })
    world.setAway(true)
    await world.clock.advance(5 * 60_000, { stepMs: 1_000 })
    expect(isEnded).toBe(false)
    await world.clock.advance(UNRENEWED_MS - 5 * 60_000 + 5_000, { stepMs: 1_000 })
    await stream.ended
    // It has said nothing but that it lived.
    expect(new Set(stream.events.map(({ type }) => type))).toEqual(new Set(['SUBSCRIBED', 'HEARTBEAT']))
    // Nobody was told that the session is over: its lease will say so, or its client, which comes back.
    world.setAway(false)
    const again = await openStream(world, {
      info: { id: { value: stream.frameworkId() }, failover_timeout: 60 },
    })
    expect(again.status).toBe(200)
    await again.next('HEARTBEAT')
    again.close()
  } finally {
    await world.close()
  }
})
