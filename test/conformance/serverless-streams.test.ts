// What is owed because no process stays: one current stream, and streams that move (C56, C150, C151).
import { describe, expect, test } from 'vitest'
import { RecordDecoder } from '../../protocol/recordio.ts'
import { commandTask, ENCODINGS, TestFramework } from '../framework.ts'
import { chunksOf } from '../functions/http/raw.ts'
import { encoded, post, subscribeRaw } from './bytes.ts'
import {
  callAt,
  cluster,
  comeBack,
  cpus,
  frameworks,
  GRACE_MS,
  machine,
  onOneCluster,
  standing,
  subscribe,
  worker,
} from './serverless.ts'
import { count, isOffer, isRescind, moveUntil, until } from './waiting.ts'

onOneCluster()

describe('one current stream', () => {
  test.each(ENCODINGS)(
    'C56 F51 S19 (%s) after a takeover every worker knows the new stream only',
    async (encoding) => {
      const doors = [cluster, await worker(), await worker()]
      let old: TestFramework | undefined
      for (let round = 0; round < 6; round++) {
        const door = doors[round % doors.length] ?? cluster
        const fresh: TestFramework =
          old === undefined
            ? await subscribe(door, { encoding, info: { failover_timeout: 60 } })
            : await comeBack(door, old, { encoding })
        for (const at of doors) {
          if (old !== undefined) expect((await callAt(at, old, { type: 'REVIVE' })).status).toBe(400)
          expect((await callAt(at, fresh, { type: 'REVIVE' })).status).toBe(202)
        }
        await old?.untilEnd()
        old = fresh
      }
    },
  )

  test('C56 F51 S19 of many subscriptions at once exactly one stays, whomever one asks', async () => {
    const doors = [cluster, await worker(), await worker()]
    const first = await subscribe(cluster, { info: { failover_timeout: 60 } })
    const info = { id: { value: first.id }, failover_timeout: 60 }
    const rivals = await Promise.all(
      Array.from({ length: 9 }, (_, index) =>
        TestFramework.open((doors[index % 3] ?? cluster).url, { info }),
      ),
    )
    for (const rival of rivals) rival.id = first.id
    await until(() => rivals.filter(({ ended }) => !ended).length === 1)
    await first.untilEnd()
    const [winner] = rivals.filter(({ ended }) => !ended)
    if (winner === undefined) throw new Error('nobody has won')
    frameworks.push(winner)
    for (const rival of [first, ...rivals]) {
      const expected = rival === winner ? 202 : 400
      for (const at of doors) expect((await callAt(at, rival, { type: 'REVIVE' })).status).toBe(expected)
      if (rival !== winner) {
        expect(rival.events.at(-1)).toEqual({ type: 'ERROR', error: { message: 'Framework failed over' } })
      }
    }
    // Offers go to that one alone.
    await winner.offer()
    expect(rivals.filter((rival) => rival !== winner && count(rival, isOffer) > 0 && !rival.ended)).toEqual(
      [],
    )
  })
})

describe('a stream that moves', () => {
  test.each(['stop', 'crash'] as const)(
    'C150 by %s: the stream ends, and another worker has everything',
    async (how) => {
      const leaving = await worker()
      const first = await subscribe(leaving, { acknowledge: false, info: { failover_timeout: 60 } })
      const before = await first.offer()
      const ids = [`c150-${how}`, `c150-${how}-2`]
      await first.launch(
        [before],
        ids.map((id) => commandTask(before, id, machine.commandOf(id))),
        0,
      )
      const waiting = await first.update(ids[0] ?? '', 'TASK_STARTING')
      const task = await machine.found(ids[0] ?? '')
      const held = await first.offer()

      await leaving[how]()
      await first.untilEnd()
      // Nothing follows the end, and the accounting holds while nobody reads.
      expect(first.events.some(({ type }) => type === 'ERROR')).toBe(false)
      const between = await cpus()
      expect(between.used).toBeCloseTo(0.2)
      expect(between.used + between.offered).toBeLessThanOrEqual(between.total)

      const second = await comeBack(cluster, first, { acknowledge: false })
      expect(task.isAlive()).toBe(true)
      // The update that was not acknowledged comes again, as it was.
      const again = await second.update(ids[0] ?? '')
      expect([again.state, again.uuid]).toEqual(['TASK_STARTING', waiting.uuid])
      // So do the resources that were offered, whole, as another offer.
      const next = await second.offer()
      expect(next.id).not.toEqual(held.id)
      expect(next.resources).toEqual(held.resources)
      expect(await cpus()).toEqual({ total: 4, used: 0.2, offered: 3.8 })
      expect(count(second, isRescind)).toBe(0)
      await cluster.clock.advance(20_000)
      expect(await standing(second)).toBe('connected')
      expect(task.isAlive()).toBe(true)
    },
  )

  test.each(['stop', 'crash'] as const)(
    'C150 F62 by %s it loses nothing of its failover time',
    async (how) => {
      const leaving = await worker()
      const first = await subscribe(leaving, { info: { failover_timeout: 30 } })
      const task = await machine.run(first, `c150-time-${how}`)
      const endedAt = cluster.clock.now()
      await leaving[how]()
      await first.untilEnd()
      // A grace comes before it, and a lease that has to run out: both may take longer while ticks are late.
      await moveUntil(cluster, () => !task.isAlive(), { atMostMs: 90_000 })
      expect(cluster.clock.now() - endedAt).toBeGreaterThan(30_000)
      expect(await standing(first)).toBe('removed')
    },
  )

  test.each(ENCODINGS)(
    'C151 (%s) a stream that is cut off ends at a record, with its last chunk',
    async (encoding) => {
      const leaving = await worker()
      const info = { user: 'root', name: 'c151', failover_timeout: 0 }
      const body = encoded({ type: 'SUBSCRIBE', subscribe: { framework_info: info } }, encoding)
      const stream = await subscribeRaw(leaving, body, [`content-type: ${encoding}`, `accept: ${encoding}`])
      const [, streamId = ''] = await stream.until(/mesos-stream-id: (\S+)\r\n/i)
      await until(() => eventsOf(stream.received()).length > 0)
      // In the middle of many records.
      const tasks = Array.from({ length: 300 }, (_, index) => ({ task_id: { value: `c151-${index}` } }))
      const frameworkId = /[0-9a-f-]{36}-[0-9A-Za-z]+/.exec(stream.received())?.[0] ?? ''
      const asked = encoded(
        { type: 'RECONCILE', framework_id: { value: frameworkId }, reconcile: { tasks } },
        encoding,
      )
      const head = { 'content-type': encoding, 'mesos-stream-id': streamId }
      const before = eventsOf(stream.received()).length
      // A call that is still under way may be cut off with it.
      const answer = post(leaving, asked, head).catch(() => undefined)
      await until(() => eventsOf(stream.received()).length > before + 5)
      await leaving.stop()
      await answer
      await stream.closed
      expect(stream.received().endsWith('\r\n0\r\n\r\n')).toBe(true)
      const decoder = new RecordDecoder()
      for (const chunk of chunksOf(stream.received())) decoder.push(Buffer.from(chunk, 'latin1'))
      // Throws if it is inside a record.
      decoder.end()
    },
  )

  function eventsOf(response: string): readonly string[] {
    return response.includes('\r\n\r\n') ? chunksOf(response).filter((chunk) => chunk !== '') : []
  }

  test('C151 F53 a framework without failover timeout has ten seconds to return', async () => {
    const leaving = await worker()
    const info = { failover_timeout: 0 }
    const returning = await subscribe(leaving, { info })
    const kept = await machine.run(returning, 'c151-kept')
    const lost = await subscribe(leaving, { info })
    const ended = await machine.run(lost, 'c151-lost')
    await leaving.stop()
    await Promise.all([returning.untilEnd(), lost.untilEnd()])
    const endedAt = cluster.clock.now()
    await cluster.clock.advance(GRACE_MS / 2)
    expect([kept.isAlive(), ended.isAlive()]).toEqual([true, true])
    expect([await standing(returning), await standing(lost)]).toEqual(['away', 'away'])

    const again = await comeBack(cluster, returning, { info })
    await moveUntil(cluster, () => !ended.isAlive(), { atMostMs: 10_000 })
    expect(cluster.clock.now() - endedAt).toBeGreaterThanOrEqual(GRACE_MS)
    expect(await standing(lost)).toBe('removed')
    await cluster.clock.advance(10_000)
    expect(await standing(again)).toBe('connected')
    expect(kept.isAlive()).toBe(true)
  })
})
