// The functions as they stand on Lambda, one by one, over a table and queues that count what they are asked for.
import { strict as assert } from 'node:assert'
import { createHash } from 'node:crypto'
import { answerCall } from '../../../functions/agents/handler.ts'
import { ensureCluster } from '../../../functions/cluster.ts'
import type { Environment, Log } from '../../../functions/environment.ts'
import { heartbeats } from '../../../functions/heartbeats/handler.ts'
import { isStream } from '../../../functions/http/types.ts'
import { settingsOf } from '../../../functions/lambda/settings.ts'
import { randomIds } from '../../../functions/ports/ids.ts'
import type { QueueMessage } from '../../../functions/ports/queues.ts'
import { sqsQueues } from '../../../functions/ports/queues-sqs.ts'
import type { SqsCalls } from '../../../functions/ports/sqs-calls.ts'
import { schedulerRoutes } from '../../../functions/scheduler/routes.ts'
import type { Framework } from '../../../master/model.ts'
import type { AgentCall, RegisterCall } from '../../../protocol/agent-messages.ts'
import type { Clock } from '../../../protocol/clock.ts'
import { counted } from '../../../store/counting.ts'
import { memoryStore } from '../../../store/memory.ts'

/** What one operation asks AWS for. Units as DynamoDB bills them; requests of SQS apart for FIFO and other queues. */
export interface Asked {
  readonly storeCalls: number
  readonly readUnits: number
  readonly writeUnits: number
  readonly sqs: number
  readonly fifo: number
}

export interface World {
  readonly env: Environment
  readonly agents: readonly { readonly agentId: string; readonly incarnation: number }[]
  /** What `work` asks for, whatever else goes on. */
  count(work: () => Promise<unknown>): Promise<Asked>
  register(count: number): Promise<void>
  agentCall(call: AgentCall): Promise<unknown>
  schedulerCall(framework: Framework, call: object): Promise<void>
  /** A batch of beats, one of each of the first agents. */
  beat(count: number): Promise<void>
  /** A framework whose stream stays open until `closed`, or one that is called by webhook: its id. */
  subscribe(closed: AbortSignal, labels?: readonly object[]): Promise<string>
}

const log: Log = { info() {}, warn() {}, error() {} }

export async function world(clock: Clock, settings: object = {}): Promise<World> {
  const counting = counted(memoryStore({ clock }))
  let sqs = 0
  let fifo = 0
  const calls = {
    async call(_: string, input: { QueueUrl?: string; QueueName?: string }) {
      const name = input.QueueName ?? input.QueueUrl ?? ''
      if (name.endsWith('.fifo')) fifo++
      else sqs++
      return { QueueUrl: `https://queues/${name}` }
    },
    close() {},
    // Every answer that is read here is the URL of a queue.
  } as unknown as SqsCalls
  const env: Environment = {
    store: counting.store,
    queues: sqsQueues({ clock, region: 'us-east-1', prefix: 'meseta', calls }),
    clock,
    ids: randomIds,
    settings: settingsOf(JSON.stringify(settings), { region: 'us-east-1', isEmulated: true }),
    log,
    bells: { ring() {}, wait: (_, ms, signal) => waited(clock, ms, signal) },
    cluster: await ensureCluster(counting.store, randomIds, clock),
    outlets: {
      refusal: async () => undefined,
      send: async ({ letters }) => ({ taken: letters, refused: [] }),
    },
  }
  const agents: { readonly agentId: string; readonly incarnation: number; readonly group: string }[] = []
  let number = 0
  const made: World = {
    env,
    agents,
    async count(work) {
      counting.reset()
      sqs = 0
      fifo = 0
      await work()
      const { calls: storeCalls, readUnits, writeUnits } = counting.total()
      return { storeCalls, readUnits, writeUnits, sqs, fifo }
    },
    async register(count) {
      for (let index = 0; index < count; index++) {
        const answer = await made.agentCall(registration(agents.length))
        // What REGISTER answers to a new agent.
        const { agentId, incarnation, beats } = answer as {
          agentId: string
          incarnation: number
          beats: { group: string }
        }
        agents.push({ agentId, incarnation, group: beats.group })
      }
    },
    async agentCall(call) {
      const answer = await answerCall(env, request('/api/v1/agent', call))
      assert.equal(answer.status, 200, String(answer.body))
      return JSON.parse(String(answer.body))
    },
    async schedulerCall({ frameworkId, streamId }, call) {
      const [route] = schedulerRoutes(env)
      const whole = { framework_id: { value: frameworkId }, ...call }
      const asked = request('/api/v1/scheduler', whole, { 'mesos-stream-id': streamId })
      const answer = await route?.methods.POST?.(asked)
      assert.equal(answer?.status, 202, String(answer?.body))
    },
    async beat(count) {
      number++
      const batch = agents.slice(0, count).map(({ agentId, incarnation, group }, index): QueueMessage => {
        // No two agents have beaten equally often, at the same millisecond.
        const beat = {
          kind: 'beat',
          agentId,
          incarnation,
          number: number + ((index * 7_919) % 99_991),
          applied: (index * 37) % 211,
        }
        const body = JSON.stringify({ ...beat, digest: digestOf(agentId) })
        return { id: agentId, body, sentAt: clock.now() - 3_000 + index * 53, group, receiveCount: 1 }
      })
      assert.deepEqual(await heartbeats(env, batch), [])
    },
    async subscribe(closed, labels) {
      const [route] = schedulerRoutes(env)
      const info = {
        user: 'root',
        name: 'counted',
        failover_timeout: 3_600,
        ...(labels && { labels: { labels } }),
      }
      const call = { type: 'SUBSCRIBE', subscribe: { framework_info: info } }
      const answer = await route?.methods.POST?.(request('/api/v1/scheduler', call))
      assert.equal(answer?.status, 200)
      let head = isStream(answer.body) ? '' : Buffer.from(answer.body).toString()
      if (isStream(answer.body))
        await answer.body.open(async (record) => {
          head += Buffer.from(record).toString()
          return true
        }, closed)
      return /"framework_id":\{"value":"([^"]+)"/.exec(head)?.[1] ?? ''
    },
  }
  return made
}

/** Of what an agent with tasks has on record: no two agents have the same. */
function digestOf(agentId: string): string {
  return createHash('sha256').update(agentId).digest('hex').slice(0, 16)
}

function request(path: string, body: unknown, more: Readonly<Record<string, string>> = {}) {
  const headers = { 'content-type': 'application/json', accept: 'application/json', ...more }
  return {
    method: 'POST',
    path,
    query: new URLSearchParams(),
    headers,
    body: Buffer.from(JSON.stringify(body)),
    params: {},
  }
}

function registration(index: number): RegisterCall {
  return {
    type: 'REGISTER',
    bootNonce: `boot-${index}`,
    agentInfo: {
      hostname: `ip-10-0-0-${index}.ec2.internal`,
      port: 5051,
      resources: [
        { name: 'cpus', type: 'SCALAR', scalar: { value: 2 } },
        { name: 'mem', type: 'SCALAR', scalar: { value: 6_144 } },
        { name: 'disk', type: 'SCALAR', scalar: { value: 20_480 } },
        { name: 'ports', type: 'RANGES', ranges: { range: [{ begin: 31_000, end: 31_999 }] } },
      ],
      attributes: ['zone', 'region', 'type', 'group'].map((name) => ({
        name,
        type: 'TEXT',
        text: { value: `us-east-1${name}` },
      })),
      domain: { fault_domain: { region: { name: 'us-east-1' }, zone: { name: 'us-east-1a' } } },
    },
    address: { ip: '10.0.0.1', port: 5051 },
    version: '0.1.0',
    capabilities: [],
    instanceId: `i-${String(index).padStart(17, '0')}`,
    applied: 0,
    sums: {},
    page: 0,
    pages: 1,
    tasks: [],
    executors: [],
    frameworks: [],
  }
}

function waited(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, resolve)
    signal?.addEventListener('abort', () => {
      cancel()
      resolve()
    })
  })
}
