// Offers: what is offered to whom, in which form, and what becomes of an offer (C59–C63, C68–C75).
import { expect, test } from 'vitest'
import type { Offer } from '../../protocol/messages.ts'
import type { Store } from '../../store/store.ts'
import { amountOf, commandTask, ENCODINGS, type TestFramework } from '../framework.ts'
import { cluster, onOneCluster, subscribe } from './one-cluster.ts'
import { aMoment, count, isOffer, isRescind, moveUntil, until } from './waiting.ts'

const mailbox = doorOf()
onOneCluster({ agents: 2, wrapStore: mailbox.before })

/** Both agents, whole, in the order they were offered. */
async function bothOffers(framework: TestFramework): Promise<readonly [Offer, Offer]> {
  await until(() => offersOf(framework).length >= 2)
  const [first, second] = offersOf(framework)
  if (first === undefined || second === undefined) throw new Error('two offers')
  return [first, second]
}

function offersOf({ events }: TestFramework): readonly Offer[] {
  return events.flatMap((event) => event.offers?.offers ?? [])
}

test('C59 L2 the resources of an idle agent are offered within about one allocation interval', async () => {
  const began = cluster.clock.now()
  const framework = await subscribe()
  const offers = await bothOffers(framework)
  expect(cluster.clock.now() - began).toBeLessThan(4_000)
  expect(new Set(offers.map((offer) => offer.agent_id.value))).toEqual(
    new Set(cluster.agents.map((agent) => agent.id)),
  )
  for (const offer of offers) expect([amountOf(offer, 'cpus'), amountOf(offer, 'mem')]).toEqual([4, 4096])

  const seen = count(framework, isOffer)
  await framework.decline(offers, 0)
  const waited = await moveUntil(cluster, () => count(framework, isOffer) > seen, { atMostMs: 4_000 })
  expect(waited).toBeLessThan(4_000)
})

test('C60 an OFFERS event holds at most one offer per agent and role', async () => {
  const framework = await subscribe()
  const [offer] = await bothOffers(framework)
  const taskIds = ['c60-1', 'c60-2', 'c60-3']
  await framework.launch(
    [offer],
    taskIds.map((id) => commandTask(offer, id, 'sleep 1000', { cpus: 0.5 })),
    0,
  )
  for (const id of taskIds) await framework.update(id, 'TASK_RUNNING')
  await moveUntil(cluster, () => offersOf(framework).length === 3, { atMostMs: 6_000 })
  // What each task leaves behind is offered by itself, while nobody looks into the mailbox.
  const open = mailbox.close()
  for (const [index, id] of taskIds.entries()) {
    await framework.call({ type: 'KILL', kill: { task_id: { value: id } } })
    await until(async () => (await offeredCpus(offer.agent_id.value)) === 3 + 0.5 * index)
  }
  const before = count(framework, isOffer)
  open()
  await until(() => offersOf(framework).length === 6)
  expect(count(framework, isOffer)).toBe(before + 3)
  for (const event of framework.events.filter(isOffer)) {
    const agentIds = (event.offers?.offers ?? []).map(({ agent_id }) => agent_id.value)
    expect(new Set(agentIds).size).toBe(agentIds.length)
  }
})

async function offeredCpus(agentId: string): Promise<number> {
  const { json } = await cluster.operator({ type: 'GET_AGENTS' })
  const { get_agents } = json as {
    get_agents: {
      agents: readonly { agent_info: { id: { value: string } }; offered_resources: Offer['resources'] }[]
    }
  }
  const agent = get_agents.agents.find(({ agent_info }) => agent_info.id.value === agentId)
  return (agent?.offered_resources ?? [])
    .filter(({ name }) => name === 'cpus')
    .reduce((sum, { scalar }) => sum + (scalar?.value ?? 0), 0)
}

/** A door before the mailboxes of all frameworks: while it is closed their readers wait. */
function doorOf(): { close(): () => void; readonly before: (store: Store) => Store } {
  let opened = Promise.resolve()
  return {
    close() {
      let open = () => {}
      opened = new Promise((resolve) => {
        open = resolve
      })
      return open
    },
    before: (store) => ({
      ...store,
      async query(partition, ref, options) {
        if (partition === 'mail') await opened
        return store.query(partition, ref, options)
      },
    }),
  }
}

test.each(ENCODINGS)('C61 (%s) with MULTI_ROLE offer and resources name the role', async (encoding) => {
  const framework = await subscribe({ encoding, info: { roles: ['eng'] }, capabilities: ['MULTI_ROLE'] })
  const offer = await framework.offer()
  expect(offer.allocation_info).toEqual({ role: 'eng' })
  expect(offer.resources?.length).toBeGreaterThan(2)
  for (const resource of offer.resources ?? []) expect(resource.allocation_info).toEqual({ role: 'eng' })
})

test.each(ENCODINGS)('C61 (%s) without MULTI_ROLE neither does', async (encoding) => {
  const framework = await subscribe({ encoding, info: { role: 'eng' } })
  const offer = await framework.offer()
  expect(offer).not.toHaveProperty('allocation_info')
  expect(offer.resources?.length).toBeGreaterThan(2)
  for (const resource of offer.resources ?? []) expect(resource).not.toHaveProperty('allocation_info')
})

test.each(ENCODINGS)(
  'C62 (%s) without RESERVATION_REFINEMENT unreserved resources carry role *',
  async (encoding) => {
    const framework = await subscribe({ encoding, info: { roles: ['eng'] }, capabilities: ['MULTI_ROLE'] })
    const offer = await framework.offer()
    expect(offer.resources?.length).toBeGreaterThan(2)
    for (const resource of offer.resources ?? []) expect(resource.role).toBe('*')
  },
)

test.each(ENCODINGS)(
  'C62 (%s) with RESERVATION_REFINEMENT they carry neither role nor reservations',
  async (encoding) => {
    const framework = await subscribe({ encoding, capabilities: ['RESERVATION_REFINEMENT'] })
    const offer = await framework.offer()
    expect(offer.resources?.length).toBeGreaterThan(2)
    // `role` has a declared default, but a deprecated one: it is not written (C20).
    for (const resource of offer.resources ?? []) {
      expect(resource).not.toHaveProperty('role')
      expect(resource.reservations ?? []).toEqual([])
    }
  },
)

test.each(ENCODINGS)('C63 (%s) Offer.url names the address and port of the agent', async (encoding) => {
  const framework = await subscribe({ encoding })
  const offer = await framework.offer()
  const agent = cluster.agents.find(({ id }) => id === offer.agent_id.value)
  expect(offer.hostname).toBe('127.0.0.1')
  expect(offer.url).toMatchObject({
    scheme: 'http',
    address: { hostname: '127.0.0.1', ip: '127.0.0.1', port: agent?.running.port },
    path: '/slave(1)',
  })
})

test('C68 F76 SUPPRESS stops offers and leaves outstanding ones usable', async () => {
  const framework = await subscribe()
  const [first, second] = await bothOffers(framework)
  expect((await framework.call({ type: 'SUPPRESS' })).status).toBe(202)
  await framework.decline([second], 0)
  const seen = count(framework, isOffer)
  await cluster.clock.advance(5_000)
  expect(count(framework, isOffer)).toBe(seen)
  expect(count(framework, isRescind)).toBe(0)
  await framework.launch([first], [commandTask(first, 'c68', 'sleep 1000')])
  await framework.update('c68', 'TASK_RUNNING')
})

test('C69 SUPPRESS and REVIVE naming one foreign role are 202 and change nothing', async () => {
  const framework = await subscribe({ info: { roles: ['a', 'b'] }, capabilities: ['MULTI_ROLE'] })
  const offers = await bothOffers(framework)
  expect((await framework.call({ type: 'SUPPRESS', suppress: { roles: ['a', 'b', 'other'] } })).status).toBe(
    202,
  )
  const seen = count(framework, isOffer)
  await framework.decline(offers, 0)
  await moveUntil(cluster, () => count(framework, isOffer) > seen, { atMostMs: 6_000 })

  await framework.call({ type: 'SUPPRESS' })
  await framework.decline(offersOf(framework), 0)
  await aMoment(100)
  const before = count(framework, isOffer)
  expect((await framework.call({ type: 'REVIVE', revive: { roles: ['a', 'other'] } })).status).toBe(202)
  await cluster.clock.advance(3_000)
  expect(count(framework, isOffer)).toBe(before)
})

test('C70 A2 S9 DECLINE and ACCEPT of another framework’s offer never affect that framework', async () => {
  const owner = await subscribe()
  const stranger = await subscribe({ capabilities: ['PARTITION_AWARE'] })
  const [first, second] = await bothOffers(owner)
  expect((await stranger.decline([first, second], 0)).status).toBe(202)
  await stranger.launch([first], [commandTask(first, 'c70-stolen', 'sleep 1000')])
  expect(await stranger.update('c70-stolen')).toMatchObject({
    state: 'TASK_DROPPED',
    reason: 'REASON_INVALID_OFFERS',
  })
  await cluster.clock.advance(2_000)
  expect(count(stranger, isOffer)).toBe(0)
  expect(count(owner, isRescind)).toBe(0)
  for (const offer of [first, second]) {
    const taskId = `c70-${offer.id.value}`
    await owner.launch([offer], [commandTask(offer, taskId, 'sleep 1000')])
    await owner.update(taskId, 'TASK_RUNNING')
  }
})

test.each(ENCODINGS)('C71 (%s) deactivating an agent rescinds its offers', async (encoding) => {
  const framework = await subscribe({ encoding })
  const [offer, other] = await bothOffers(framework)
  try {
    const answer = await cluster.operator({
      type: 'DEACTIVATE_AGENT',
      deactivate_agent: { agent_id: offer.agent_id },
    })
    expect(answer.status).toBe(200)
    const event = await framework.next(isRescind)
    expect(event.rescind?.offer_id).toEqual(offer.id)
    await cluster.clock.advance(2_000)
    expect(count(framework, isRescind)).toBe(1)

    await framework.launch([offer, other], [commandTask(offer, 'c71', 'true')])
    expect(await framework.update('c71')).toMatchObject({
      state: 'TASK_LOST',
      reason: 'REASON_INVALID_OFFERS',
    })
  } finally {
    await cluster.operator({ type: 'REACTIVATE_AGENT', reactivate_agent: { agent_id: offer.agent_id } })
  }
})

test('C72 no RESCIND follows for an offer whose ACCEPT or DECLINE was answered before the cause', async () => {
  const framework = await subscribe()
  const [first, second] = await bothOffers(framework)
  try {
    await framework.launch([first], [commandTask(first, 'c72', 'sleep 1000')], 3_600)
    await framework.decline([second], 3_600)
    for (const { agent_id } of [first, second]) {
      await cluster.operator({ type: 'DEACTIVATE_AGENT', deactivate_agent: { agent_id } })
    }
    await framework.update('c72', 'TASK_RUNNING')
    await cluster.clock.advance(2_000)
    expect(framework.events.filter(isRescind)).toEqual([])
  } finally {
    for (const { agent_id } of [first, second]) {
      await cluster.operator({ type: 'REACTIVATE_AGENT', reactivate_agent: { agent_id } })
    }
  }
})

test('C74 F65 S1 what is offered and used on an agent never exceeds its total', async () => {
  const holders = await Promise.all([subscribe(), subscribe(), subscribe()])
  let over = false
  const watching = watchAgents(() => over)
  // Each number counts something certainly taken: an offer in hand that no call has touched yet, a task that runs.
  const held = new Map<string, { readonly agentId: string; readonly cpus: number }>()
  let most = 0
  const take = (key: string, agentId: string, cpus: number) => {
    held.set(key, { agentId, cpus })
    for (const { id } of cluster.agents) {
      const sum = [...held.values()]
        .filter((each) => each.agentId === id)
        .reduce((all, { cpus }) => all + cpus, 0)
      most = Math.max(most, sum)
      expect(sum).toBeLessThanOrEqual(4.000_001)
    }
  }
  const bustle = async (framework: TestFramework, who: number) => {
    for (let round = 0; round < 5; round++) {
      const event = await framework.next(isOffer, 1_500).catch(() => undefined)
      if (event === undefined) return
      for (const offer of event.offers?.offers ?? []) {
        take(offer.id.value, offer.agent_id.value, amountOf(offer, 'cpus'))
        await aMoment(10)
        held.delete(offer.id.value)
        if ((round + who) % 3 === 0 || amountOf(offer, 'cpus') < 0.5) {
          await framework.decline([offer], 0)
          continue
        }
        const taskId = `c74-${who}-${round}-${offer.agent_id.value}`
        await framework.launch([offer], [commandTask(offer, taskId, 'sleep 1000', { cpus: 0.5 })], 0)
        await framework.update(taskId, 'TASK_RUNNING')
        take(taskId, offer.agent_id.value, 0.5)
        if (round % 2 === 0) {
          held.delete(taskId)
          await framework.call({ type: 'KILL', kill: { task_id: { value: taskId } } })
        }
      }
    }
  }
  const pace = setInterval(() => void cluster.clock.advance(300), 50)
  await Promise.all(holders.map((framework, who) => bustle(framework, who))).finally(() => {
    clearInterval(pace)
    over = true
    return watching
  })
  expect(most).toBeGreaterThan(3.9)
})

/** What the operator sees is one view of the table: offered and allocated add up to the total at most. */
async function watchAgents(isOver: () => boolean): Promise<void> {
  let seen = 0
  while (!isOver()) {
    const { json } = await cluster.operator({ type: 'GET_AGENTS' })
    const { get_agents } = json as { get_agents: { agents: readonly Record<string, Offer['resources']>[] } }
    for (const agent of get_agents.agents) {
      const [total, offered, used] = ['total_resources', 'offered_resources', 'allocated_resources'].map(
        (key) =>
          (agent[key] ?? [])
            .filter(({ name }) => name === 'cpus')
            .reduce((sum, { scalar }) => sum + (scalar?.value ?? 0), 0),
      )
      expect(total).toBe(4)
      expect((offered ?? 0) + (used ?? 0)).toBeLessThanOrEqual(4.000_001)
      seen += (offered ?? 0) + (used ?? 0) > 0 ? 1 : 0
    }
    await aMoment(20)
  }
  expect(seen).toBeGreaterThan(0)
}

test('C75 F64 S2 one offer accepted twice at once launches at most once', async () => {
  const framework = await subscribe({ capabilities: ['PARTITION_AWARE'] })
  for (let round = 0; round < 6; round++) {
    const offer = await framework.offer()
    const names = [`c75-${round}-a`, `c75-${round}-b`]
    const answers = await Promise.all(
      names.map((name) => framework.launch([offer], [commandTask(offer, name, 'sleep 1000')], 0)),
    )
    expect(answers.map(({ status }) => status)).toEqual([202, 202])
    const states = await Promise.all(
      names.map(async (name) => {
        const first = await framework.update(name)
        return first.state === 'TASK_DROPPED' ? first : framework.update(name, 'TASK_RUNNING')
      }),
    )
    expect(states.map(({ state }) => state).sort()).toEqual(['TASK_DROPPED', 'TASK_RUNNING'])
    expect(states.find(({ state }) => state === 'TASK_DROPPED')).toMatchObject({
      source: 'SOURCE_MASTER',
      reason: 'REASON_INVALID_OFFERS',
    })
  }
})

test('C75 F64 so it is with ACCEPTs too large for one transaction', async () => {
  const framework = await subscribe({ capabilities: ['PARTITION_AWARE'] })
  const offer = await framework.offer()
  const large = (name: string) =>
    Array.from({ length: 70 }, (_, index) => {
      const task = commandTask(offer, `c75-large-${name}-${index}`, 'sleep 1000', { cpus: 0.5 })
      return index === 3 ? task : { ...task, resources: [] }
    })
  await Promise.all(['a', 'b'].map((name) => framework.launch([offer], large(name), 3_600)))
  const states = await Promise.all(
    ['a', 'b'].map(async (name) => {
      const { state } = await framework.update(`c75-large-${name}-3`)
      const others = await framework.update(`c75-large-${name}-69`)
      return [state, others.state]
    }),
  )
  expect(states.toSorted()).toEqual([
    ['TASK_DROPPED', 'TASK_DROPPED'],
    ['TASK_STARTING', 'TASK_ERROR'],
  ])
})

test('C75 one offer accepted and declined at once is either', async () => {
  const framework = await subscribe()
  const offer = await framework.offer()
  await Promise.all([
    framework.launch([offer], [commandTask(offer, 'c75-either', 'sleep 1000')], 0),
    framework.decline([offer], 0),
  ])
  const first = await framework.update('c75-either')
  expect(['TASK_LOST', 'TASK_STARTING']).toContain(first.state)
})
