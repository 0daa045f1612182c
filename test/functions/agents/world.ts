// A control plane in memory with agents that are played by the test: the clock stands still unless it is moved.
import { expect } from 'vitest'
import { register } from '../../../functions/agents/register.ts'
import { sync } from '../../../functions/agents/sync.ts'
import { takeCallUpdates } from '../../../functions/agents/updates.ts'
import { contextOf } from '../../../functions/cluster-time.ts'
import { detect } from '../../../functions/detector/handler.ts'
import type { Environment } from '../../../functions/environment.ts'
import { heartbeats } from '../../../functions/heartbeats/handler.ts'
import { inProcessBells } from '../../../functions/ports/bells.ts'
import { handleBatch } from '../../../functions/ports/consume.ts'
import { randomIds } from '../../../functions/ports/ids.ts'
import type { MessageSource } from '../../../functions/ports/message-source.ts'
import { memoryQueues } from '../../../functions/ports/queues-memory.ts'
import { raiseAll } from '../../../functions/scheduler/gates.ts'
import { loadAccept } from '../../../functions/scheduler/load-accept.ts'
import { transact } from '../../../functions/transact.ts'
import { unsound } from '../../../master/accounting.ts'
import { accept } from '../../../master/calls/accept.ts'
import { subscribe } from '../../../master/calls/subscribe.ts'
import { offerMail } from '../../../master/mail.ts'
import type { Framework, Ledger, MailBody, Run, Task } from '../../../master/model.ts'
import { newOfferId } from '../../../master/offers.ts'
import { localSettings, type ProfileName, type Settings } from '../../../master/settings.ts'
import type {
  Nudge,
  RegisterAnswer,
  RegisterCall,
  SyncAnswer,
  TaskReport,
  UpdateReport,
  UpdatesAnswer,
} from '../../../protocol/agent-messages.ts'
import type { Clock } from '../../../protocol/clock.ts'
import { EMPTY_DIGEST } from '../../../protocol/digest.ts'
import type { Resource, TaskState, TaskStatus } from '../../../protocol/messages.ts'
import { add } from '../../../protocol/resources.ts'
import { memoryStore } from '../../../store/memory.ts'
import { all, type Store } from '../../../store/store.ts'

export interface World {
  readonly env: Environment
  readonly store: Store
  readonly queues: MessageSource
  readonly clock: { now(): number; move(ms: number): void }
  readonly logged: string[]
  /** Reads all beats that wait. */
  hear(): Promise<void>
  /** Moves on tick by tick: agents that are up beat, beats are read unless `deaf`, the detector looks. */
  run(ms: number, options?: { readonly deaf?: boolean }): Promise<void>
  framework(options?: FrameworkOptions): Promise<Framework>
  agent(options?: AgentOptions): Promise<PlayedAgent>
  mail(frameworkId: string): Promise<MailBody[]>
  losses(): Promise<string[]>
  /** All invariants that can be seen from outside. */
  check(): Promise<void>
}

export interface FrameworkOptions {
  readonly isPartitionAware?: boolean
  readonly name?: string
}

export interface AgentOptions {
  readonly nonce?: string
  readonly hostname?: string
  readonly zone?: string
  readonly instanceId?: string
  readonly register?: boolean
}

const START = 1_760_000_000_000

export function scalar(name: string, value: number): Resource {
  return { name, type: 'SCALAR', scalar: { value } }
}

const TOTAL: readonly Resource[] = [scalar('cpus', 64), scalar('mem', 65_536)]
const ONE: readonly Resource[] = [scalar('cpus', 0.1), scalar('mem', 32)]

export async function world(
  options: {
    readonly profile?: ProfileName
    readonly settings?: Partial<Settings>
    readonly store?: (store: Store, clock: Clock) => Store
    readonly ec2?: Environment['ec2']
    readonly queues?: (queues: MessageSource) => MessageSource
  } = {},
): Promise<World> {
  let now = START
  const clock: Clock & World['clock'] = {
    now: () => now,
    move: (ms) => {
      now += ms
    },
    // Waits (jitter after conflicts) are over at once: the clock stands still meanwhile.
    after(_ms, action) {
      const handle = setImmediate(action)
      return () => clearImmediate(handle)
    },
  }
  const plain = memoryStore({ clock })
  const store = options.store?.(plain, clock) ?? plain
  const inMemory = memoryQueues(clock)
  const queues = options.queues?.(inMemory) ?? inMemory
  const logged: string[] = []
  const log = (event: string, fields?: object) => void logged.push(`${event} ${JSON.stringify(fields ?? {})}`)
  const env: Environment = {
    store,
    queues,
    clock,
    ids: randomIds,
    settings: localSettings(options.profile ?? 'default', options.settings),
    log: { info() {}, warn: log, error: log },
    bells: inProcessBells(clock),
    cluster: { id: 'test', timeline: 0 },
    ec2: options.ec2,
  }
  const agents: PlayedAgent[] = []
  const self: World = {
    env,
    store,
    queues,
    clock,
    logged,
    async hear() {
      for (;;) {
        const batch = await queues.receive('heartbeats', { waitMs: 0 })
        if (batch.length === 0) return
        const options = { log: env.log, retryMs: 1_000, maxReceives: Number.POSITIVE_INFINITY }
        await handleBatch(queues, 'heartbeats', batch, (messages) => heartbeats(env, messages), options)
      }
    },
    async run(ms, { deaf = false } = {}) {
      const { tickMs, beatMs } = env.settings.profile
      for (let passed = 0; passed < ms; passed += tickMs) {
        now += tickMs
        for (const agent of agents) {
          if (agent.isUp && now - agent.lastBeat >= beatMs) await agent.beat()
        }
        await detect(env)
        if (!deaf) await self.hear()
      }
    },
    async framework({ isPartitionAware = true, name = 'framework' } = {}) {
      const context = { ...(await contextOf(env)), streamId: 'stream' }
      const capabilities = isPartitionAware ? [{ type: 'PARTITION_AWARE' as const }] : []
      const info = { user: 'root', name, checkpoint: true, failover_timeout: 600, capabilities }
      const subscribed = await transact(env, {
        name: 'subscribe',
        load: async () => ({}),
        decide: (loaded) => subscribe(loaded, { framework_info: info }, context),
      })
      if (subscribed.kind === 'error') throw new Error(subscribed.message)
      await raiseAll(env, subscribed.framework)
      const made = await store.get('framework', { frameworkId: subscribed.framework.frameworkId })
      if (made === undefined) throw new Error('no framework')
      const lease = {
        version: 0,
        frameworkId: made.frameworkId,
        epoch: made.epoch,
        holder: 'test',
        number: 1,
      }
      const item = { ...lease, renewedAt: now, expiresAt: now + 365 * 24 * 3_600_000, lossesTold: 0 }
      await store.commit([{ do: 'put', kind: 'lease', item, when: { name: 'anything' } }], env.ids.uuid())
      return made
    },
    async agent(agentOptions = {}) {
      const agent = playedAgent(self, {
        nonce: `boot-${agents.length}-${randomIds.random()}`,
        ...agentOptions,
      })
      agents.push(agent)
      if (agentOptions.register !== false) await agent.register()
      return agent
    },
    async mail(frameworkId) {
      const found = await all(store, 'mail', { frameworkId, shard: 0 })
      return found.map(({ item }) => item.body)
    },
    async losses() {
      return (await all(store, 'losses', {})).map(({ item }) => item.agentId)
    },
    async check() {
      for (const { item } of await all(store, 'agents', { shard: 0 })) await checkAgent(store, item.agentId)
    },
  }
  return self
}

/** S1, S18 and the digest, seen from outside. */
async function checkAgent(store: Store, agentId: string): Promise<void> {
  const ledger = await store.get('ledger', { agentId })
  if (ledger === undefined) return
  expect(unsound(ledger)).toBeUndefined()
  if (ledger.openWork !== undefined) return
  const found = await all(store, 'agent', { agentId })
  const charged = found.flatMap(({ kind, item }) =>
    kind === 'run' || kind === 'executor' ? item.charged : [],
  )
  const sums = Object.values(ledger.sums).flatMap((roles) => Object.values(roles).flat())
  expect(add(sums)).toEqual(add(charged))
}

export interface PlayedAgent {
  readonly id: string
  incarnation: number
  generation: number
  applied: number
  isUp: boolean
  lastBeat: number
  readonly tasks: Map<string, TaskReport>
  /** @param by another function's environment, where the test does something to it */
  register(change?: Partial<RegisterCall>, by?: Environment): Promise<RegisterAnswer>
  /** A new process of the same agent. */
  reboot(): void
  beat(): Promise<void>
  sync(after?: string): Promise<SyncAnswer>
  /** Offers all that is free to the framework; the offer's id. */
  offered(
    framework: Framework,
    options?: { readonly resources?: readonly Resource[]; readonly isSaid?: boolean },
  ): Promise<string>
  /** Launches tasks by an ACCEPT; `started`: the agent has them on record as running. */
  launch(
    framework: Framework,
    taskIds: readonly string[],
    options?: { readonly started?: boolean },
  ): Promise<void>
  /** Hands in one update of a task it has on record. */
  update(taskId: string, state: TaskState, change?: Partial<UpdateReport>): Promise<UpdatesAnswer>
  updates(
    updates: readonly UpdateReport[],
    change?: Partial<Parameters<typeof takeCallUpdates>[1]>,
  ): Promise<UpdatesAnswer>
  report(taskId: string, state: TaskState, change?: Partial<UpdateReport>): UpdateReport
  nudges(): Promise<Nudge[]>
  ledger(): Promise<Ledger>
  run(framework: Framework, taskId: string): Promise<Run | undefined>
  task(framework: Framework, taskId: string): Promise<Task | undefined>
}

function playedAgent(
  { env, store, queues, clock }: World,
  options: AgentOptions & { nonce: string },
): PlayedAgent {
  let nonce = options.nonce
  let number = 0
  let agentId: string | undefined
  const tasks = new Map<string, TaskReport>()
  const id = () => agentId ?? expect.fail('not registered yet')
  const self: PlayedAgent = {
    get id() {
      return id()
    },
    incarnation: 0,
    generation: 0,
    applied: 0,
    isUp: true,
    lastBeat: 0,
    tasks,
    async register(change = {}, by = env) {
      const listed = change.tasks ?? [...tasks.values()]
      const sums: Record<string, Record<string, readonly Resource[]>> = {}
      for (const { frameworkId, role, resources } of listed) {
        sums[frameworkId] ??= {}
        const roles = sums[frameworkId]
        roles[role] = add(roles[role] ?? [], resources)
      }
      const hostname = options.hostname ?? `host-${options.nonce}`
      const domain =
        options.zone === undefined
          ? {}
          : { domain: { fault_domain: { region: { name: 'r' }, zone: { name: options.zone } } } }
      const answer = await register(by, {
        type: 'REGISTER',
        bootNonce: nonce,
        ...(agentId === undefined ? {} : { agentId }),
        agentInfo: { hostname, resources: TOTAL, ...domain },
        ...(options.instanceId === undefined ? {} : { instanceId: options.instanceId }),
        address: { ip: '10.0.0.1', port: 5051 },
        version: '0.1.0',
        capabilities: [{ type: 'AGENT_DRAINING' }],
        applied: self.applied,
        sums,
        page: 0,
        pages: 1,
        tasks: listed,
        executors: [],
        frameworks: [],
        ...change,
      })
      if (answer.kind === 'registered') {
        agentId = answer.agentId
        if (answer.incarnation !== self.incarnation) self.applied = 0
        self.incarnation = answer.incarnation
        self.generation = answer.generation
      }
      return answer
    },
    reboot() {
      nonce = `${options.nonce}-${randomIds.random()}`
      number = 0
    },
    async beat() {
      const ledger = await self.ledger()
      self.lastBeat = clock.now()
      const beat = {
        kind: 'beat',
        agentId: id(),
        incarnation: self.incarnation,
        number: ++number,
        applied: self.applied,
        digest: EMPTY_DIGEST,
      }
      await queues.send('heartbeats', JSON.stringify(beat), { group: String(ledger.beatShard) })
    },
    sync: (after) =>
      sync(env, { type: 'SYNC', agentId: id(), incarnation: self.incarnation, applied: self.applied, after }),
    async offered(framework, { resources = TOTAL, isSaid = false } = {}) {
      const context = await contextOf(env)
      const offerId = newOfferId(id(), context)
      await transact(env, {
        name: 'offer',
        load: () => self.ledger(),
        decide: (ledger) => {
          const offer = {
            frameworkId: framework.frameworkId,
            role: '*',
            epoch: framework.epoch,
            resources,
            expiresAt: context.now + 300_000,
          }
          const item = { ...ledger, offers: { ...ledger.offers, [offerId]: offer } }
          const said = {
            id: { value: offerId },
            framework_id: { value: framework.frameworkId },
            agent_id: { value: id() },
            hostname: 'host',
          }
          return {
            changes: [
              { do: 'put', kind: 'ledger', item, when: { name: 'unchanged' } },
              ...(isSaid ? [] : [offerMail(framework, said, context)]),
            ],
            tell: [],
            answer: undefined,
          }
        },
      })
      return offerId
    },
    async launch(framework, taskIds, { started = true } = {}) {
      for (let start = 0; start < taskIds.length; start += 40) {
        await launchSome(framework, taskIds.slice(start, start + 40), started)
      }
    },
    async update(taskId, state, change) {
      return await self.updates([self.report(taskId, state, change)])
    },
    updates: (updates, change = {}) =>
      takeCallUpdates(env, {
        type: 'UPDATES',
        agentId: id(),
        incarnation: self.incarnation,
        applied: self.applied,
        updates,
        exits: [],
        messages: [],
        ...change,
      }),
    report(taskId, state, change = {}) {
      const task = tasks.get(taskId)
      if (task === undefined) throw new Error(`the agent has no task ${taskId}`)
      const lastUpdate = change.number ?? task.lastUpdate + 1
      tasks.set(taskId, { ...task, state, lastUpdate: Math.max(task.lastUpdate, lastUpdate) })
      const status: TaskStatus = {
        task_id: { value: taskId },
        state,
        source: 'SOURCE_EXECUTOR',
        uuid: Buffer.alloc(16, lastUpdate).toString('base64'),
        agent_id: { value: id() },
        timestamp: clock.now() / 1_000,
      }
      return {
        frameworkId: task.frameworkId,
        taskId,
        number: lastUpdate,
        launchIncarnation: task.launchIncarnation,
        launchGeneration: task.launchGeneration,
        status,
        latestState: state,
        ...change,
      }
    },
    async nudges() {
      const found: Nudge[] = []
      for (;;) {
        const batch = await queues.receive({ agentId: id() }, { waitMs: 0 })
        if (batch.length === 0) return found
        found.push(...batch.map(({ body }): Nudge => JSON.parse(body)))
        await queues.remove({ agentId: id() }, batch)
      }
    },
    async ledger() {
      return (await store.get('ledger', { agentId: id() })) ?? expect.fail('no ledger')
    },
    run: ({ frameworkId }, taskId) => store.get('run', { agentId: id(), frameworkId, taskId }),
    task: ({ frameworkId }, taskId) => store.get('task', { frameworkId, shard: 0, taskId }),
  }
  return self

  async function launchSome(
    framework: Framework,
    taskIds: readonly string[],
    started: boolean,
  ): Promise<void> {
    const { frameworkId } = framework
    const resources = add(...taskIds.map(() => ONE))
    const offerId = await self.offered(framework, { resources, isSaid: true })
    const call = {
      offer_ids: [{ value: offerId }],
      operations: [
        {
          type: 'LAUNCH' as const,
          launch: {
            task_infos: taskIds.map((taskId) => ({
              name: taskId,
              task_id: { value: taskId },
              agent_id: { value: id() },
              resources: ONE,
              command: { value: 'sleep 1000' },
            })),
          },
        },
      ],
    }
    const context = await contextOf(env)
    await transact(env, {
      name: 'accept',
      load: async () => (await loadAccept(env, frameworkId, call)) ?? expect.fail('nothing loaded'),
      decide: (loaded) => accept(loaded, call, context),
    })
    const ledger = await self.ledger()
    if (!started) return
    self.applied = ledger.generation
    for (const taskId of taskIds) {
      tasks.set(taskId, {
        frameworkId,
        taskId,
        state: 'TASK_RUNNING',
        lastUpdate: 0,
        launchIncarnation: ledger.incarnation,
        launchGeneration: ledger.generation,
        role: '*',
        resources: ONE,
      })
    }
  }
}
