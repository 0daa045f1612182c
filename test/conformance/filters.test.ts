// Refusals and what lifts them: DECLINE, REVIVE, and the filters of an ACCEPT (C64–C67, C93).
import { expect, test } from 'vitest'
import type { Offer } from '../../protocol/messages.ts'
import { amountOf, commandTask, ENCODINGS, type TestFramework } from '../framework.ts'
import { cluster, onOneCluster, subscribe } from './one-cluster.ts'
import { aMoment, count, isOffer, moveUntil, runTask } from './waiting.ts'

const DAY_MS = 24 * 3_600_000

onOneCluster()

/** Cluster milliseconds until the agent is offered again. */
async function msToNextOffer(framework: TestFramework, atMostMs: number): Promise<number> {
  const seen = count(framework, isOffer)
  return moveUntil(cluster, () => count(framework, isOffer) > seen, { atMostMs })
}

function lastOffer({ events }: TestFramework): Offer {
  const offer = events.filter(isOffer).at(-1)?.offers?.offers?.[0]
  if (offer === undefined) throw new Error('there was no offer')
  return offer
}

// Cluster time is the last tick's, so a duration may seem to begin or end up to a tick beside it; and while the clock
// is moved fast, a busy machine is late by seconds of it.
const EARLY_MS = 2_500
const LATE_MS = 4_500

test('C64 F75 S13 DECLINE with refuse_seconds 60 keeps an equal offer away for 60 s', async () => {
  const framework = await subscribe()
  await framework.decline([await framework.offer()], 60)
  const waited = await msToNextOffer(framework, 70_000)
  expect(waited).toBeGreaterThan(60_000 - EARLY_MS)
  expect(waited).toBeLessThan(60_000 + LATE_MS)
})

test('C64 F75 it keeps smaller offers away too, and does not keep larger ones away', async () => {
  const [first, second] = [await subscribe(), await subscribe()]
  const whole = await first.offer()
  await first.decline([whole], 3_600)
  // The other takes a part: what is left is less than what was refused.
  const { task } = await runTask(second, 'c64-small', { cpus: 1 })
  await second.call({ type: 'SUPPRESS' })
  const seen = count(first, isOffer)
  await cluster.clock.advance(5_000)
  expect(count(first, isOffer)).toBe(seen)

  // Refused in this state is the rest only; when the task ends there is more than that.
  await first.call({ type: 'REVIVE' })
  const rest = await first.offer()
  expect(amountOf(rest, 'cpus')).toBeCloseTo(3)
  await first.decline([rest], 3_600)
  await cluster.clock.advance(3_000)
  const before = count(first, isOffer)
  await second.call({ type: 'KILL', kill: { task_id: task.task_id } })
  await second.update('c64-small', 'TASK_KILLED')
  await moveUntil(cluster, () => count(first, isOffer) > before, { atMostMs: 6_000 })
  expect(amountOf(lastOffer(first), 'cpus')).toBeCloseTo(4)
})

test.each(ENCODINGS)('C65 (%s) DECLINE without filters acts as 5 s', async (encoding) => {
  const framework = await subscribe({ encoding })
  await framework.decline([await framework.offer()])
  const waited = await msToNextOffer(framework, 15_000)
  expect(waited).toBeGreaterThan(5_000 - EARLY_MS)
  expect(waited).toBeLessThan(5_000 + LATE_MS)
})

test.each(ENCODINGS)('C65 (%s) with 0 the resources come back at the next allocation', async (encoding) => {
  const framework = await subscribe({ encoding })
  await framework.decline([await framework.offer()], 0)
  expect(await msToNextOffer(framework, 5_000)).toBeLessThan(3_500)
})

test('C66 negative refuse_seconds act as 5 s', async () => {
  const framework = await subscribe()
  await framework.decline([await framework.offer()], -1)
  const waited = await msToNextOffer(framework, 15_000)
  expect(waited).toBeGreaterThan(5_000 - EARLY_MS)
  expect(waited).toBeLessThan(5_000 + LATE_MS)
})

test('C67 F76 REVIVE lifts filters at once', async () => {
  const framework = await subscribe()
  await framework.decline([await framework.offer()], 3_600)
  await aMoment()
  expect(count(framework, isOffer)).toBe(1)
  const began = performance.now()
  expect((await framework.call({ type: 'REVIVE' })).status).toBe(202)
  await framework.offer()
  expect(performance.now() - began).toBeLessThan(900)
})

test('C67 F76 REVIVE lifts suppression at once', async () => {
  const framework = await subscribe()
  await framework.call({ type: 'SUPPRESS' })
  await framework.decline([await framework.offer()], 0)
  await cluster.clock.advance(3_000)
  expect(count(framework, isOffer)).toBe(1)
  const began = performance.now()
  await framework.call({ type: 'REVIVE' })
  await framework.offer()
  expect(performance.now() - began).toBeLessThan(900)
})

test('C67 REVIVE of one role lifts that role’s filters only', async () => {
  const framework = await subscribe({ info: { roles: ['a', 'b'] }, capabilities: ['MULTI_ROLE'] })
  const first = await framework.offer()
  await framework.decline([first], 3_600)
  const second = await framework.offer()
  await framework.decline([second], 3_600)
  const refused = [first, second].map(({ allocation_info }) => allocation_info?.role)
  expect(refused.toSorted()).toEqual(['a', 'b'])
  await cluster.clock.advance(3_000)
  expect(count(framework, isOffer)).toBe(2)
  await framework.call({ type: 'REVIVE', revive: { roles: ['b'] } })
  const third = await framework.offer()
  expect(third.allocation_info?.role).toBe('b')
  await framework.decline([third], 3_600)
  await cluster.clock.advance(3_000)
  expect(count(framework, isOffer)).toBe(3)
})

test.each(ENCODINGS)(
  'C93 (%s) unused resources of an ACCEPT are kept away by its filters',
  async (encoding) => {
    const framework = await subscribe({ encoding })
    const offer = await framework.offer()
    await framework.launch([offer], [commandTask(offer, 'c93', 'sleep 1000')], 30)
    await framework.update('c93', 'TASK_RUNNING')
    const waited = await msToNextOffer(framework, 40_000)
    expect(waited).toBeGreaterThan(30_000 - EARLY_MS)
    expect(waited).toBeLessThan(30_000 + LATE_MS)
    expect(amountOf(lastOffer(framework), 'cpus')).toBeCloseTo(3.9)
  },
)

test('C93 they are kept away for 5 s without filters, and not at all with 0', async () => {
  const framework = await subscribe()
  const offer = await framework.offer()
  await framework.launch([offer], [commandTask(offer, 'c93-default', 'sleep 1000')])
  const waited = await msToNextOffer(framework, 15_000)
  expect(waited).toBeGreaterThan(5_000 - EARLY_MS)
  expect(waited).toBeLessThan(5_000 + LATE_MS)

  const again = lastOffer(framework)
  await framework.launch([again], [commandTask(again, 'c93-zero', 'sleep 1000')], 0)
  expect(await msToNextOffer(framework, 5_000)).toBeLessThan(3_500)
})

// Last, because the clock goes a year ahead.
test('C66 more than 365 days act as 365 days', async () => {
  const framework = await subscribe()
  await framework.decline([await framework.offer()], 400 * 24 * 3_600)
  await cluster.clock.advance(364 * DAY_MS, { stepMs: 364 * DAY_MS })
  await aMoment()
  expect(count(framework, isOffer)).toBe(1)
  await cluster.clock.advance(DAY_MS + 5_000, { stepMs: DAY_MS / 2, settleMs: 100 })
  // After such a leap the first ticks are an outage's; a quarter of an hour is still little of the 35 days.
  await moveUntil(cluster, () => count(framework, isOffer) > 1, { atMostMs: 900_000 })
})
