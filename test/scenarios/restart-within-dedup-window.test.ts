// SQS drops what it has seen within five minutes: a process that starts again and counts anew must not be silenced by it.
import { expect, test } from 'vitest'
import { httpControlPlane } from '../../agent/control-plane.ts'
import { detect } from '../../functions/detector/handler.ts'
import { sqsQueues } from '../../functions/ports/queues-sqs.ts'
import { startSqsEmulator } from '../../local/emulators/sqs.ts'
import type { Tick } from '../../master/model.ts'
import { systemClock } from '../../protocol/clock.ts'
import { type Stage, stage } from './stage.ts'

async function tickOf({ w }: Stage): Promise<Tick> {
  return (await w.store.get('tick', {})) ?? expect.fail('no tick')
}

/** The control plane starts again over an older copy of its own state, as after a power cut: ticks count anew. */
async function rollBack(on: Stage, older: Tick): Promise<void> {
  const { version } = await tickOf(on)
  const item = { ...older, version }
  await on.w.store.commit([{ do: 'put', kind: 'tick', item, when: { name: 'unchanged' } }], 'rolled back')
}

test('restart-within-dedup-window: canaries with numbers of before get through', async () => {
  const on = await stage()
  await on.w.run(5_000)
  const older = await tickOf(on)
  const canaries: unknown[] = []
  for (let start = 0; start < 3; start++) {
    await rollBack(on, older)
    on.w.clock.move(1_000)
    await detect(on.w.env)
    const found = await on.w.queues.receive('heartbeats', { waitMs: 0 })
    canaries.push(...found.map(({ body }) => JSON.parse(body)))
    await on.w.queues.remove('heartbeats', found)
  }
  const again = { kind: 'canary', shard: 0, number: older.number + 1 }
  expect(canaries).toEqual([again, again, again])
})

test('restart-within-dedup-window: the chain of canaries goes on, nobody is expired, the dead are found', async () => {
  const on = await stage()
  await on.w.run(5_000)
  const older = await tickOf(on)
  await on.w.run(5_000)
  await rollBack(on, older)
  await on.w.run(60_000)
  expect((await on.agent.ledger()).life).toBe('active')
  on.agent.isUp = false
  const { lastBeat } = on.agent
  while ((await on.w.losses()).length === 0) await on.w.run(1_000)
  expect(on.w.clock.now() - lastBeat).toBeLessThanOrEqual(9_000 + 3_000)
})

test('restart-within-dedup-window: an agent that starts again and counts its beats from 1 is heard', async () => {
  const on = await stage()
  await on.w.run(10_000)
  for (let start = 0; start < 3; start++) {
    on.agent.reboot()
    await on.agent.register()
    await on.w.run(15_000)
    const beats = await on.w.store.get('beats', { shard: 0 })
    expect(beats?.agents[on.agent.id]).toMatchObject({ incarnation: on.agent.incarnation })
    expect(beats?.agents[on.agent.id]?.stamp).toBeGreaterThan(on.w.clock.now() - 4_000)
  }
  expect(await on.w.losses()).toEqual([])
})

test('restart-within-dedup-window: over SQS the same beat of another process is another message', async () => {
  const emulator = await startSqsEmulator({ port: 0 })
  const { endpoint } = emulator
  const source = sqsQueues({ clock: systemClock, region: 'us-east-1', prefix: 'test', endpoint })
  try {
    await source.ensureFunctionQueues()
    const beats = { queueUrl: source.beatsQueueUrl(), group: '0', intervalMs: 3_000 }
    const queues = { beats, commands: { queueUrl: '' }, queueEndpoint: endpoint }
    const beat = { kind: 'beat', agentId: 'a', incarnation: 1, number: 1, applied: 0, digest: '' } as const
    for (let start = 0; start < 2; start++) {
      const link = httpControlPlane('http://127.0.0.1:1')
      await link.beat(queues, beat)
      link.close()
    }
    const bodies: unknown[] = []
    while (bodies.length < 2) {
      const batch = await source.receive('heartbeats', { waitMs: 2_000 })
      expect(batch.length).toBeGreaterThan(0)
      bodies.push(...batch.map(({ body }) => JSON.parse(body)))
      await source.remove('heartbeats', batch)
    }
    expect(bodies).toEqual([beat, beat])
  } finally {
    source.close()
    await emulator.stop()
  }
})
