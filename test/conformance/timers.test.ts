// What runs of itself: heartbeats, offers, failover, detection, resends, while nobody asks for anything (C155).
import { subscribe as listenTo, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Offer, SchedulerEvent } from '../../protocol/messages.ts'
import { startCluster, type TestAgent, type TestCluster } from '../cluster.ts'
import { commandTask, TestFramework } from '../framework.ts'
import { type Processes, processes } from './processes.ts'
import { count, isOffer, moveUntil, statuses, until } from './waiting.ts'

let cluster: TestCluster
let machine: Processes
beforeAll(async () => {
  machine = processes()
  cluster = await startCluster({ agents: 2 })
})
afterAll(async () => {
  await cluster.stop()
  machine.removeFiles()
})

/** Counts the requests that come to the control plane. */
function requests(): { readonly paths: string[]; stop(): void } {
  const paths: string[] = []
  const { port } = new URL(cluster.url)
  const note = (message: unknown) => {
    // What Node publishes on this channel.
    const { request } = message as { readonly request: IncomingMessage }
    if (String(request.socket.localPort) === port) paths.push(request.url ?? '')
  }
  listenTo('http.server.request.start', note)
  return { paths, stop: () => unsubscribe('http.server.request.start', note) }
}

function agentAt(index: number): TestAgent {
  const agent = cluster.agents[index]
  if (agent === undefined) throw new Error(`there is no agent ${index}`)
  return agent
}

/** The offers of all agents, each once. */
async function offersOfAll(framework: TestFramework): Promise<ReadonlyMap<string, Offer>> {
  const offers = new Map<string, Offer>()
  while (offers.size < cluster.agents.length) {
    const event = await framework.next(isOffer)
    for (const offer of event.offers?.offers ?? []) offers.set(offer.agent_id.value, offer)
  }
  return offers
}

function isLossOf(agent: TestAgent): (event: SchedulerEvent) => boolean {
  return ({ failure }) => failure?.agent_id?.value === agent.id && failure.executor_id === undefined
}

test('C155 heartbeats, allocation, failover, detection and resends need no request', async () => {
  const [near, far] = [agentAt(0), agentAt(1)]

  // One framework goes away; a task of it runs on the agent that stays.
  const leaving = await TestFramework.subscribe(cluster.url, { info: { failover_timeout: 20 } })
  const own = (await offersOfAll(leaving)).get(near.id)
  if (own === undefined) throw new Error('an offer of the agent that stays')
  await leaving.launch([own], [commandTask(own, 'c155-left', machine.commandOf('c155-left'))], 3_600)
  await leaving.update('c155-left', 'TASK_RUNNING')
  const left = await machine.found('c155-left')
  leaving.close()
  await until(async () => (await leaving.call({ type: 'REVIVE' })).status === 403)

  // The other one stays silent: one update unacknowledged, one offer declined for 5 s, one held.
  const framework = await TestFramework.subscribe(cluster.url, {
    acknowledge: false,
    capabilities: ['PARTITION_AWARE'],
  })
  const offers = await offersOfAll(framework)
  const [mine, theirs] = [offers.get(near.id), offers.get(far.id)]
  if (mine === undefined || theirs === undefined) throw new Error('two offers')
  await framework.launch([theirs], [commandTask(theirs, 'c155-lost', 'sleep 1000')], 3_600)
  const unacknowledged = await framework.update('c155-lost', 'TASK_STARTING')
  await framework.decline([mine])

  const asked = requests()
  const at = {
    began: cluster.clock.now(),
    heartbeats: count(framework, isHeartbeat),
    offers: count(framework, isOffer),
  }
  const resends = () =>
    statuses(framework, 'c155-lost').filter(({ uuid }) => uuid === unacknowledged.uuid).length
  await moveUntil(cluster, () => count(framework, isOffer) > at.offers, { atMostMs: 10_000 })
  // Sent at once, after 10 s and after 30 s.
  await moveUntil(cluster, () => resends() >= 2, { atMostMs: 15_000 })
  await moveUntil(cluster, () => resends() >= 3, { atMostMs: 25_000 })
  await moveUntil(cluster, () => !left.isAlive(), { atMostMs: 30_000 })

  far.cut()
  await moveUntil(cluster, () => count(framework, isLossOf(far)) > 0, { atMostMs: 30_000 })
  await framework.update('c155-lost', 'TASK_UNREACHABLE')
  const passed = cluster.clock.now() - at.began
  const heartbeats = count(framework, isHeartbeat) - at.heartbeats
  expect(heartbeats).toBeGreaterThanOrEqual(Math.floor(passed / 15_000) - 1)
  expect(heartbeats).toBeLessThanOrEqual(Math.ceil(passed / 15_000) + 1)
  asked.stop()
  // Agents report the end of a task; frameworks and operators asked for nothing.
  expect(asked.paths.filter((path) => path !== '/api/v1/agent')).toEqual([])
  framework.close()
})

function isHeartbeat({ type }: SchedulerEvent): boolean {
  return type === 'HEARTBEAT'
}
