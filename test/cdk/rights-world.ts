// What functions do that a simulated cluster does not: the first start, ticks planned, deliveries, polls, poison,
// operators' questions. Each function works behind its own role.

import { AsyncLocalStorage } from 'node:async_hooks'
import { FUNCTIONS, type FunctionName } from '../../cdk/props.ts'
import { RIGHTS } from '../../cdk/rights.ts'
import { agentRoutes } from '../../functions/agents/handler.ts'
import { ensureCluster } from '../../functions/cluster.ts'
import type { Environment } from '../../functions/environment.ts'
import { routed } from '../../functions/http/routes.ts'
import { type HttpAnswer, type HttpRequest, isStream } from '../../functions/http/types.ts'
import { isAnythingRegistered, plan, sendPlan } from '../../functions/lambda/plan.ts'
import { notify } from '../../functions/notifier/handler.ts'
import { operatorRoutes } from '../../functions/operator/routes.ts'
import { handleBatch } from '../../functions/ports/consume.ts'
import { type DeadLetter, deadLettersOf } from '../../functions/ports/dead-letters.ts'
import type { MessageSource } from '../../functions/ports/message-source.ts'
import type { Outlets, Parcel, Sent } from '../../functions/ports/outlets.ts'
import type { SqsCalls } from '../../functions/ports/sqs-calls.ts'
import type { Framework } from '../../master/model.ts'
import { memoryStore } from '../../store/memory.ts'
import { type World, world } from '../functions/agents/world.ts'
import { type SimulationOptions, simulate } from '../simulator/simulation.ts'
import type { Guard } from './guarded.ts'
import { queueArn } from './iam.ts'

/** All of it. */
export async function everything(guard: Guard): Promise<void> {
  await firstStarts(guard)
  await planning(guard)
  await poison(guard)
  await deliveries(guard)
  await operators(guard)
  await notices(guard)
}

/** One simulated cluster whose hosts are behind their roles; one that answers calls has that of the call. */
export async function lifeOf(guard: Guard, options: SimulationOptions): Promise<void> {
  const asking = new AsyncLocalStorage<FunctionName>()
  await simulate({
    ...options,
    mutation: (env, name) => guard.environment(env, () => (name === 'front' ? asking.getStore() : name)),
    around: (what, work) => {
      const name = doorOf(what)
      return name === undefined ? work() : asking.run(name, work)
    },
  })
}

function doorOf(what: string): FunctionName | undefined {
  const [place] = what.split(' ')
  if (place === 'reader' || place === 'scheduler') return 'scheduler'
  if (place === 'agent') return 'agents'
  return place === 'v1' || place === 'meseta' ? 'operator' : undefined
}

/** Every function that uses the table may be the first one that is ever called. */
async function firstStarts(guard: Guard): Promise<void> {
  const w = await world()
  for (const name of FUNCTIONS.filter((one) => RIGHTS[one].table !== undefined)) {
    const env = as(guard, { ...w.env, store: memoryStore({ clock: w.env.clock }) }, name)
    await ensureCluster(env.store, env.ids, env.clock)
  }
}

/** The planner in a cluster with an agent and a framework, and in an empty one. */
async function planning(guard: Guard): Promise<void> {
  const ask = (action: string, queue: string) =>
    guard.ask('planner', { action: `sqs:${action}`, resource: queueArn(queue) })
  const sqs: SqsCalls = {
    async call(operation, input) {
      if (operation === 'GetQueueUrl' && 'QueueName' in input) {
        ask('GetQueueUrl', String(input.QueueName))
        // The one field that is read.
        return { QueueUrl: String(input.QueueName) } as never
      }
      ask(operation.replace('Batch', ''), 'QueueUrl' in input ? String(input.QueueUrl) : '')
      return {} as never
    },
    close() {},
  }
  for (const isEmpty of [true, false]) {
    const w = await world()
    if (!isEmpty) await Promise.all([w.agent(), w.framework()])
    const env = as(guard, w.env, 'planner')
    const made = plan(env.settings.profile, await isAnythingRegistered(env))
    await sendPlan({ sqs, prefix: 'meseta', log: env.log }, made)
  }
}

/** A message that fails again and again ends in the dead letters, whoever reads its queue. */
async function poison(guard: Guard): Promise<void> {
  const w = await world()
  for (const name of FUNCTIONS) {
    const { reads } = RIGHTS[name]
    if (reads === undefined || reads === 'dead-letters' || name === 'heartbeats') continue
    const queues = as(guard, w.env, name).queues as MessageSource
    await w.queues.send(reads, 'poison')
    const batch = await w.queues.receive(reads, { waitMs: 0 })
    await handleBatch(queues, reads, batch, async () => await Promise.reject(new Error('poison')), {
      log: w.env.log,
      maxReceives: 1,
    })
  }
}

/** A framework that is told by webhook: well, badly, not at all; updates, words, a loss, a page of a reconciliation. */
async function deliveries(guard: Guard): Promise<void> {
  const w = await world()
  const agent = await w.agent()
  const framework = await delivered(w, await w.framework())
  await agent.launch(framework, ['t1', 't2'], { started: true })
  await agent.update('t1', 'TASK_RUNNING')
  const answers: ((parcel: Parcel) => Sent)[] = [
    () => ({ taken: [], refused: [], failed: 'answered 500' }),
    ({ letters }) => ({ taken: [], refused: letters }),
    ({ letters }) => ({ taken: letters, refused: [] }),
  ]
  const outlets: Outlets = {
    refusal: async () => undefined,
    send: async (parcel) => answers.shift()?.(parcel) ?? { taken: parcel.letters, refused: [] },
  }
  const env = { ...as(guard, w.env, 'notifier'), outlets }
  const nudge = { id: 'n', body: '{}', sentAt: 0, receiveCount: 1 }
  for (let turn = 0; turn < 4; turn++) {
    await notify(env, [nudge])
    w.clock.move(11_000)
    await agent.beat()
    await w.hear()
    if (turn === 1) await agent.update('t2', 'TASK_FINISHED')
  }
  await askForAll(w, framework)
  await notify(env, [nudge])
  agent.isUp = false
  await w.run(60_000)
  await notify(env, [{ ...nudge, body: JSON.stringify({ frameworkId: framework.frameworkId }) }])
}

async function delivered(w: World, framework: Framework): Promise<Framework> {
  const item: Framework = { ...framework, delivery: { kind: 'webhook', url: 'http://127.0.0.1:9/' } }
  await w.store.commit(
    [{ do: 'put', kind: 'framework', item, when: { name: 'unchanged' } }],
    w.env.ids.uuid(),
  )
  return { ...item, version: item.version + 1 }
}

/** As an implicit RECONCILE leaves it in the mailbox. */
async function askForAll(w: World, { frameworkId, epoch }: Framework): Promise<void> {
  const item = {
    ...{ version: 0, frameworkId, shard: 0, key: 'NOTICE#all', tag: w.env.ids.random(), at: w.clock.now() },
    body: { kind: 'reconcile-all', epoch } as const,
  }
  await w.store.commit([{ do: 'put', kind: 'mail', item, when: { name: 'anything' } }], w.env.ids.uuid())
}

/** Agents that read of their end, one with tasks and one without. */
async function notices(guard: Guard): Promise<void> {
  const w = await world()
  const [busy, idle] = [await w.agent(), await w.agent()]
  const framework = await w.framework()
  await busy.launch(framework, ['t1'], { started: true })
  await idle.offered(framework)
  const env = as(guard, w.env, 'agents')
  const handle = routed(env, agentRoutes(env))
  for (const { id, incarnation } of [busy, idle]) {
    const notice = { kind: 'spot', at: w.clock.now() + 120_000 }
    const call = { type: 'NOTICE', agentId: id, incarnation, notice }
    await handle(request('/api/v1/agent', call))
  }
}

const QUESTIONS = [
  ...['GET_HEALTH', 'GET_FLAGS', 'GET_VERSION', 'GET_METRICS', 'GET_STATE', 'GET_AGENTS', 'GET_FRAMEWORKS'],
  ...['GET_EXECUTORS', 'GET_TASKS', 'GET_ROLES', 'GET_MASTER', 'LIST_FILES'],
] as const
const PAGES = ['/state', '/tasks', '/slaves', '/frameworks', '/roles', '/metrics/snapshot', '/state-summary']

/** All that operators ask, and most of what they order. */
async function operators(guard: Guard): Promise<void> {
  const w = await world()
  const [agent, other, third] = [await w.agent(), await w.agent(), await w.agent()]
  const framework = await w.framework()
  await agent.launch(framework, ['t1', 't2'], { started: true })
  await other.launch(framework, ['t3'], { started: true })
  await agent.update('t1', 'TASK_RUNNING')
  for (const queue of ['notify', 'ticks', 'allocate', 'instance-events'] as const) {
    const [id, now] = [queue, w.clock.now()]
    const letter: DeadLetter = { id, queue, body: '{}', sentAt: now, receiveCount: 5, parkedAt: now }
    await w.queues.send('dead-letters', JSON.stringify(letter))
  }
  const env = as(guard, w.env, 'operator')
  const handle = routed(env, operatorRoutes(env, { deadLetters: deadLettersOf(env.queues as MessageSource) }))
  const ask = async (path: string, call?: object): Promise<HttpAnswer> => await handle(request(path, call))
  for (const type of QUESTIONS) await ask('/api/v1', { type, get_metrics: {}, list_files: { path: '/' } })
  for (const path of PAGES) await ask(path)
  await hearStream(await ask('/api/v1', { type: 'SUBSCRIBE' }))
  const framework_id = { value: framework.frameworkId }
  const extra = (type: string, body: object = {}) =>
    ask('/api/v1/meseta', { type, [type.toLowerCase()]: body })
  await extra('LIST_DELIVERIES')
  await extra('EVENTS', { framework_id, stream_id: 'stream', wait_ms: 0 })
  await extra('KILL_TASK', { framework_id, task_id: { value: 't2' } })
  await extra('LIST_DEAD_LETTERS')
  await extra('SHOW_DEAD_LETTER', { id: 'nobody' })
  await extra('REDRIVE_DEAD_LETTERS')
  const agent_id = { value: third.id }
  await ask('/api/v1', { type: 'DEACTIVATE_AGENT', deactivate_agent: { agent_id } })
  await ask('/api/v1', { type: 'REACTIVATE_AGENT', reactivate_agent: { agent_id } })
  await ask('/api/v1', { type: 'DRAIN_AGENT', drain_agent: { agent_id } })
  await ask('/api/v1', { type: 'MARK_AGENT_GONE', mark_agent_gone: { agent_id: { value: other.id } } })
  await extra('RESTORED')
  await ask('/api/v1', { type: 'TEARDOWN', teardown: { framework_id } })
}

async function hearStream({ body }: HttpAnswer): Promise<void> {
  if (!isStream(body)) return
  const closing = new AbortController()
  await body.open(async () => {
    closing.abort()
    return false
  }, closing.signal)
}

function request(path: string, call?: object): HttpRequest {
  return {
    method: call === undefined ? 'GET' : 'POST',
    path,
    query: new URLSearchParams(),
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: Buffer.from(JSON.stringify(call ?? {})),
    params: {},
  }
}

function as(guard: Guard, env: Environment, name: FunctionName): Environment {
  return guard.environment(env, () => name)
}
