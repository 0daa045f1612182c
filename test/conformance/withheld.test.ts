// Offers that are withheld: from frameworks that do not know a kind of resource, or do not want an agent (C73, C76).
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { RegisterCall } from '../../protocol/agent-messages.ts'
import type { Offer } from '../../protocol/messages.ts'
import { startCluster, type TestAgent, type TestCluster } from '../cluster.ts'
import { amountOf, type SubscribeOptions, scalar, send, TestFramework } from '../framework.ts'
import { teardown } from './waiting.ts'

const KINDS = [
  { name: 'cpus', type: 'SCALAR', scalar: { value: 2 } },
  { name: 'mem', type: 'SCALAR', scalar: { value: 1024 } },
  {
    name: 'cpus',
    type: 'SCALAR',
    scalar: { value: 8 },
    reservations: [
      { type: 'STATIC', role: 'eng' },
      { type: 'DYNAMIC', role: 'eng/web' },
    ],
  },
  { name: 'cpus', type: 'SCALAR', scalar: { value: 16 }, revocable: {} },
  {
    name: 'disk',
    type: 'SCALAR',
    scalar: { value: 64 },
    reservations: [{ type: 'DYNAMIC', role: 'eng/web' }],
    disk: { persistence: { id: 'volume' }, volume: { mode: 'RW', container_path: 'volume' } },
    shared: {},
  },
]

let cluster: TestCluster
let withGpu: TestAgent
let kinds: TestAgent
let frameworks: TestFramework[] = []
beforeAll(async () => {
  cluster = await startCluster({ agents: 0, settings: { region: 'here' } })
  withGpu = await cluster.addAgent({ resources: 'cpus:4;mem:4096;gpus:1', attributes: 'rack:r1;level:3' })
  kinds = await cluster.addAgent({ resources: JSON.stringify(KINDS), attributes: 'rack:r2' })
})
afterAll(() => cluster.stop())
afterEach(async () => {
  await teardown(cluster, frameworks)
  frameworks = []
})

/** Everything a framework with these capabilities is offered in a while, by agent. */
async function offered(options: SubscribeOptions): Promise<ReadonlyMap<string, Offer>> {
  const framework = await TestFramework.subscribe(cluster.url, options)
  frameworks.push(framework)
  await cluster.clock.advance(2_500)
  return byAgent(framework)
}

function byAgent({ events }: TestFramework): ReadonlyMap<string, Offer> {
  const offers = events.flatMap((event) => event.offers?.offers ?? [])
  return new Map(offers.map((offer) => [offer.agent_id.value, offer]))
}

test('C73 an agent with GPUs is offered only with GPU_RESOURCES', async () => {
  expect((await offered({})).has(withGpu.id)).toBe(false)
  await teardown(cluster, frameworks)
  const offer = (await offered({ capabilities: ['GPU_RESOURCES'] })).get(withGpu.id)
  expect(offer === undefined ? 0 : amountOf(offer, 'gpus')).toBe(1)
})

test('C73 shared resources are offered only with SHARED_RESOURCES', async () => {
  const info = { roles: ['eng/web'] }
  const without = (await offered({ info, capabilities: ['MULTI_ROLE'] })).get(kinds.id)
  expect(without === undefined ? undefined : amountOf(without, 'disk')).toBe(0)
  await teardown(cluster, frameworks)
  const offer = (await offered({ info, capabilities: ['MULTI_ROLE', 'SHARED_RESOURCES'] })).get(kinds.id)
  expect(offer === undefined ? undefined : amountOf(offer, 'disk')).toBe(64)
})

test('C73 revocable and refined resources are offered only with their capabilities', async () => {
  const info = { roles: ['eng/web'] }
  const cpusWith = async (...capabilities: NonNullable<SubscribeOptions['capabilities']>) => {
    const offer = (await offered({ info, capabilities: ['MULTI_ROLE', ...capabilities] })).get(kinds.id)
    await teardown(cluster, frameworks)
    return offer === undefined ? 0 : amountOf(offer, 'cpus')
  }
  expect(await cpusWith()).toBe(2)
  expect(await cpusWith('RESERVATION_REFINEMENT')).toBe(2 + 8)
  expect(await cpusWith('REVOCABLE_RESOURCES')).toBe(2 + 16)
  expect(await cpusWith('RESERVATION_REFINEMENT', 'REVOCABLE_RESOURCES')).toBe(2 + 8 + 16)
})

test('C76 offer constraints by attribute withhold agents that do not match', async () => {
  const framework = await TestFramework.subscribe(cluster.url, {
    capabilities: ['GPU_RESOURCES'],
    suppressedRoles: ['*'],
  })
  frameworks.push(framework)
  const agentsUnder = async (predicate: object, attribute_name = 'rack') => {
    const before = framework.events.length
    const answer = await framework.call({
      type: 'UPDATE_FRAMEWORK',
      update_framework: {
        framework_info: {
          user: 'root',
          name: 'test',
          id: { value: framework.id },
          capabilities: [{ type: 'GPU_RESOURCES' }],
        },
        offer_constraints: {
          role_constraints: {
            '*': { groups: [{ attribute_constraints: [{ selector: { attribute_name }, predicate }] }] },
          },
        },
      },
    })
    expect(answer.status).toBe(200)
    await cluster.clock.advance(2_500)
    const since = framework.events.slice(before).flatMap((event) => event.offers?.offers ?? [])
    // Nothing comes back before the next constraints are set, which un-suppress.
    await framework.call({ type: 'SUPPRESS' })
    await framework.decline(since, 0)
    return new Set(since.map(({ agent_id }) => agent_id.value))
  }
  expect(await agentsUnder({ text_equals: { value: 'r1' } })).toEqual(new Set([withGpu.id]))
  expect(await agentsUnder({ text_not_equals: { value: 'r1' } })).toEqual(new Set([kinds.id]))
  expect(await agentsUnder({ exists: {} })).toEqual(new Set([withGpu.id, kinds.id]))
  expect(await agentsUnder({ not_exists: {} }, 'level')).toEqual(new Set([kinds.id]))
  expect(await agentsUnder({ text_equals: { value: 'x' } }, 'nothing')).toEqual(new Set())
})

// Last, because these agents stay.
test('C73 agents of another region are offered only with REGION_AWARE', async () => {
  const near = await registerIn('here')
  const far = await registerIn('there')
  const plain = await offered({})
  expect([plain.has(near), plain.has(far)]).toEqual([true, false])
  await teardown(cluster, frameworks)
  const aware = await offered({ capabilities: ['REGION_AWARE'] })
  expect([aware.has(near), aware.has(far)]).toEqual([true, true])
})

/** An agent that only registers, from some region; its silence counts after the test. */
async function registerIn(region: string): Promise<string> {
  const call: RegisterCall = {
    type: 'REGISTER',
    bootNonce: region,
    agentInfo: {
      hostname: region,
      resources: [scalar('cpus', 1), scalar('mem', 128)],
      domain: { fault_domain: { region: { name: region }, zone: { name: 'a' } } },
    },
    address: { ip: '127.0.0.1', port: 1 },
    version: '0',
    capabilities: [],
    applied: 0,
    sums: {},
    page: 0,
    pages: 1,
    tasks: [],
    executors: [],
    frameworks: [],
  }
  const { text } = await send(`${cluster.url}/api/v1/agent`, {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(call),
  })
  return (JSON.parse(text) as { agentId: string }).agentId
}
