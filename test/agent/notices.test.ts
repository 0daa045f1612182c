// Notices of a machine's end on the machine itself: told once under each incarnation, and until somebody has heard.
import { afterEach, describe, expect, test } from 'vitest'
import type { Metadata } from '../../agent/metadata.ts'
import { watchNotices } from '../../agent/notices.ts'
import type { Notice } from '../../protocol/agent-messages.ts'
import { until } from './agent-process.ts'
import { FakeMetadata } from './metadata-fake.ts'
import { type ProcessWorld, processWorld } from './process-world.ts'

const SPOT = '{"action":"terminate","time":"2026-11-22T17:02:00Z"}'
const GIVEN = Date.parse('2026-11-22T17:00:00Z')

/** A watch whose clock goes from look to look. */
function watched(answer: (notice: Notice) => boolean = () => true) {
  const values = new Map<string, string>()
  const told: Notice[] = []
  const warnings: string[] = []
  const around = { incarnation: 1 as number | undefined, isSilent: false }
  let next: (() => void) | undefined
  const metadata: Metadata = {
    async get(path) {
      if (around.isSilent) throw new Error('nobody answers')
      return values.get(path)
    },
  }
  const stop = watchNotices({
    clock: {
      now: () => GIVEN + 1_000,
      after(_ms, action) {
        next = action
        return () => {
          next = undefined
        }
      },
    },
    metadata,
    log: { info() {}, warn: (text) => void warnings.push(text), error() {} },
    incarnation: () => around.incarnation,
    async tell(notice) {
      told.push(notice)
      return answer(notice)
    },
  })
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  return {
    values,
    told,
    warnings,
    around,
    stop,
    isOver: () => next === undefined,
    async look(times = 1) {
      for (let time = 0; time < times; time++) {
        await settle()
        next?.()
        await settle()
      }
    },
  }
}

describe('the watch', () => {
  test('a Spot notice is told once, as of two minutes before the end it names', async () => {
    const w = watched()
    await w.look()
    expect(w.told).toEqual([])
    w.values.set('spot/instance-action', SPOT)
    await w.look(3)
    expect(w.told).toEqual([{ kind: 'spot', at: GIVEN }])
  })

  test('one that cannot be read is one all the same, as of now', async () => {
    const w = watched()
    w.values.set('spot/instance-action', 'soon')
    await w.look()
    expect(w.told).toEqual([{ kind: 'spot', at: GIVEN + 1_000 }])
  })

  test('a rebalance recommendation and the end by Auto Scaling are told, each beside the others', async () => {
    const w = watched()
    w.values.set('autoscaling/target-lifecycle-state', 'InService')
    await w.look()
    w.values.set('events/recommendations/rebalance', '{"noticeTime":"2026-11-22T17:00:00Z"}')
    await w.look()
    w.values.set('autoscaling/target-lifecycle-state', 'Terminated')
    w.values.set('spot/instance-action', SPOT)
    await w.look(2)
    expect(w.told).toEqual([{ kind: 'rebalance' }, { kind: 'spot', at: GIVEN }, { kind: 'hook' }])
  })

  test('is told again until it is heard: refused, failed, heard', async () => {
    let tries = 0
    const w = watched(() => {
      if (++tries === 2) throw new Error('away')
      return tries >= 3
    })
    w.values.set('spot/instance-action', SPOT)
    await w.look(6)
    expect(w.told).toHaveLength(3)
  })

  test('waits for a registration, and is told anew under the next incarnation (a restore forgets)', async () => {
    const w = watched()
    w.around.incarnation = undefined
    w.values.set('spot/instance-action', SPOT)
    await w.look(2)
    expect(w.told).toEqual([])
    w.around.incarnation = 7
    await w.look(2)
    expect(w.told).toHaveLength(1)
    w.around.incarnation = 8
    await w.look(2)
    expect(w.told).toHaveLength(2)
  })

  test('silence of the metadata is said once and passes', async () => {
    const w = watched()
    w.around.isSilent = true
    await w.look(3)
    expect(w.warnings).toEqual(['instance metadata is silent'])
    w.around.isSilent = false
    w.values.set('events/recommendations/rebalance', '{}')
    await w.look()
    expect(w.told).toEqual([{ kind: 'rebalance' }])
  })

  test('ends when it is stopped', async () => {
    const w = watched()
    await w.look()
    w.stop()
    await w.look()
    expect(w.isOver()).toBe(true)
  })
})

describe('real processes', () => {
  let world: ProcessWorld
  let metadata: FakeMetadata
  afterEach(async () => {
    await world.close()
    metadata.close()
  })

  test('F82 an agent on an instance registers as it and passes on its Spot notice', async () => {
    metadata = await new FakeMetadata().serve()
    world = await processWorld({ env: { AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.url } })
    const { controlPlane } = world
    metadata.values.set('spot/instance-action', SPOT)
    await world.start('--instance-metadata', 'require', '--attributes', 'rack:a')
    expect(controlPlane.registrations[0]).toMatchObject({
      instanceId: 'i-0123456789abcdef0',
      agentInfo: {
        hostname: 'ip-10-0-0-1.eu-west-1.compute.internal',
        domain: { fault_domain: { zone: { name: 'eu-west-1b' } } },
      },
    })
    const attributes = controlPlane.registrations[0]?.agentInfo.attributes ?? []
    expect(attributes.map(({ name }) => name)).toEqual([
      ...['zone', 'region', 'instance_type', 'lifecycle', 'architecture', 'rack'],
    ])
    await until(() => controlPlane.notices.length > 0, 20_000)
    expect(controlPlane.notices).toEqual([{ kind: 'spot', at: GIVEN }])
  })

  test('without metadata that is required it does not start, and says why', async () => {
    metadata = await new FakeMetadata().serve()
    world = await processWorld({ env: { AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://127.0.0.1:9' } })
    const agent = world.launch('--instance-metadata', 'require')
    expect(await agent.ended).toBe(1)
    expect(agent.lines.join('\n')).toContain('the metadata of this EC2 instance cannot be read')
  })
})
