// A whole cluster in one process for tests: the real functions over the real emulator, agents that really run tasks,
// and a clock that can be moved.
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Containerizer } from '../agent/containerizer/containerizer.ts'
import { ProcessContainerizer } from '../agent/containerizer/process.ts'
import { chooseShim } from '../agent/containerizer/shim.ts'
import type { ControlPlane as AgentLink } from '../agent/control-plane.ts'
import { readJson, writeJson } from '../agent/exact-json.ts'
import { type RunningAgent, startAgent } from '../agent/start.ts'
import type { Environment, Log } from '../functions/environment.ts'
import type { HttpRequest } from '../functions/http/types.ts'
import { jsonLog } from '../functions/ports/log.ts'
import type { MessageSource } from '../functions/ports/message-source.ts'
import { memoryQueues } from '../functions/ports/queues-memory.ts'
import { type ControlPlane, startControlPlane } from '../local/control-plane.ts'
import type { Guards } from '../local/doors.ts'
import { startDynamoEmulator } from '../local/emulators/dynamodb.ts'
import { killMachine } from '../local/machine.ts'
import { localSettings, type ProfileName, type Settings } from '../master/settings.ts'
import type { AgentAnswer, AgentCall, Beat, Nudge } from '../protocol/agent-messages.ts'
import { parseAttributes } from '../protocol/attributes.ts'
import { parseResources } from '../protocol/resource-parsing.ts'
import { dynamoStore } from '../store/dynamodb.ts'
import { memoryStore } from '../store/memory.ts'
import { plainCalls } from '../store/plain-calls.ts'
import type { Store } from '../store/store.ts'
import { createTable } from '../store/table.ts'
import { type Answer, send } from './framework.ts'
import { type MovedClock, movedClock } from './moved-clock.ts'

export interface ClusterOptions {
  readonly agents?: number
  readonly profile?: ProfileName
  readonly settings?: Partial<Settings>
  readonly resources?: string
  readonly attributes?: string
  /** `memory` where a test is about everything but the table. */
  readonly store?: 'emulator' | 'memory'
  /** Puts something between the functions and the table: counts, faults. */
  readonly wrapStore?: (store: Store) => Store
  /** The same for what is sent to agents, and for what agents start. */
  readonly wrapQueues?: (queues: MessageSource) => MessageSource
  readonly wrapContainerizer?: (containerizer: Containerizer, workDir: string) => Containerizer
  /** Where the machines of agents with an `instanceId` are looked up. */
  readonly ec2?: Environment['ec2']
  readonly instanceId?: string
  /** Hears of every request to the control plane before it is answered. */
  readonly onRequest?: (request: HttpRequest) => void
  /** Who is asked for a secret where. */
  readonly guards?: Guards
  /** The log goes to a file that operators can read as `/master/log`. */
  readonly logsToFile?: boolean
}

/** One agent of the cluster, with the ways it can be hurt. */
export interface TestAgent {
  readonly workDir: string
  readonly running: RunningAgent
  readonly id: string
  readonly url: string
  /** Nothing gets through to the control plane and back until `mend`. */
  cut(): void
  mend(): void
  /** Stops the agent's own part as a kill would; its tasks go on. */
  stop(): Promise<void>
  /** Starts it again over the same work directory. */
  startAgain(): Promise<TestAgent>
}

export interface TestCluster {
  readonly url: string
  readonly clock: MovedClock
  readonly store: Store
  readonly queues: MessageSource
  readonly controlPlane: ControlPlane
  readonly agents: readonly TestAgent[]
  addAgent(options?: Pick<ClusterOptions, 'resources' | 'attributes' | 'instanceId'>): Promise<TestAgent>
  /** A JSON call of the operator API; gives status and parsed body. */
  operator(call: object, accept?: string): Promise<Answer & { readonly json: unknown }>
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Answer & { readonly json: unknown }>
  stop(): Promise<void>
}

/** Starts a cluster; every agent is registered when it resolves. */
export async function startCluster(options: ClusterOptions = {}): Promise<TestCluster> {
  const clock = movedClock()
  const folder = mkdtempSync(join(tmpdir(), 'meseta-cluster-'))
  const logFile = options.logsToFile === true ? join(folder, 'control-plane.log') : undefined
  const log = logFile === undefined ? testLog() : jsonLog({ destination: createWriteStream(logFile) })
  const table =
    options.store === 'memory'
      ? { store: memoryStore({ clock }), stop: async () => {} }
      : await emulatedTable(clock)
  const store = options.wrapStore?.(table.store) ?? table.store
  const queues = options.wrapQueues?.(memoryQueues(clock)) ?? memoryQueues(clock)
  const controlPlane = await startControlPlane({
    store,
    queues,
    clock,
    settings: localSettings(options.profile ?? 'default', options.settings),
    log,
    ec2: options.ec2,
    logFile,
    guards: options.guards,
    host: '127.0.0.1',
    port: 0,
    async intercept(request) {
      options.onRequest?.(request)
      return undefined
    },
  })
  const { url } = controlPlane
  const agents: TestAgent[] = []
  const cluster: TestCluster = {
    url,
    clock,
    store,
    queues,
    controlPlane,
    agents,
    async addAgent(own = {}) {
      const agent = await startTestAgent({ index: agents.length, ...options, ...own })
      agents.push(agent)
      return agent
    },
    async operator(call, accept = 'application/json') {
      const answer = await send(`${url}/api/v1`, {
        headers: { 'content-type': 'application/json', accept },
        body: JSON.stringify(call),
      })
      return { ...answer, json: parsed(answer.text) }
    },
    async get(path, headers = {}) {
      const answer = await send(`${url}${path}`, { method: 'GET', headers })
      return { ...answer, json: parsed(answer.text) }
    },
    async stop() {
      await Promise.all(agents.map((agent) => agent.stop().catch(() => {})))
      await controlPlane.stop()
      clock.stop()
      killMachine(folder)
      await table.stop()
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
  for (let index = 0; index < (options.agents ?? 1); index++) await cluster.addAgent()
  return cluster

  async function startTestAgent(own: ClusterOptions & { readonly index: number }): Promise<TestAgent> {
    const workDir = join(folder, `agent-${own.index}`)
    const link = linkTo(url, queues)
    const containerizer = new ProcessContainerizer({
      containersDirectory: join(workDir, 'containers'),
      shims: chooseShim({ buildDirectory: join(folder, 'shims') }),
      clock,
    })
    const running = await startAgent({
      controlPlane: link,
      workDir,
      ip: '127.0.0.1',
      port: 0,
      hostname: '127.0.0.1',
      resources: resourcesOf(own),
      attributes: attributesOf(own.attributes),
      instanceId: own.instanceId,
      containerizer: options.wrapContainerizer?.(containerizer, workDir) ?? containerizer,
      clock,
      log,
    })
    const id = await running.registered
    return {
      workDir,
      running,
      id,
      url: `http://127.0.0.1:${running.port}`,
      cut: link.cut,
      mend: link.mend,
      stop: () => running.stop(),
      async startAgain() {
        await running.stop()
        const again = await startTestAgent(own)
        agents[own.index] = again
        return again
      },
    }
  }
}

function testLog(): Log {
  return jsonLog(process.env.MESETA_TEST_LOG === undefined ? { level: 'silent' } : {})
}

async function emulatedTable(clock: MovedClock): Promise<{ readonly store: Store; stop(): Promise<void> }> {
  const emulator = await startDynamoEmulator({})
  const calls = plainCalls({ endpoint: emulator.endpoint })
  await createTable(calls, 'meseta')
  return {
    store: dynamoStore({ calls, tableName: 'meseta', clock, useTransactionTokens: false }),
    async stop() {
      calls.close()
      await emulator.stop()
    },
  }
}

/** The agent's link with a switch: calls over HTTP as always, queues in memory under the moved clock. */
function linkTo(master: string, queues: MessageSource): AgentLink & { cut(): void; mend(): void } {
  let isCut = false
  const through = () => {
    if (isCut) throw new Error('cut off from the control plane')
  }
  let agentId = ''

  return {
    cut: () => {
      isCut = true
    },
    mend: () => {
      isCut = false
    },
    async call<C extends AgentCall>(call: C): Promise<AgentAnswer<C>> {
      through()
      const response = await fetch(`${master}/api/v1/agent`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: writeJson(call),
      })
      const text = await response.text()
      through()
      if (!response.ok) throw new Error(`${call.type}: ${response.status} ${text}`)
      const answer = readJson(text) as AgentAnswer<C>
      if ('agentId' in answer) agentId = answer.agentId
      return answer
    },
    async receive(_, signal) {
      const received = await queues.receive({ agentId }, { waitMs: 20_000, signal })
      through()
      return received.map((message) => ({ nudge: readJson(message.body) as Nudge, receipt: message.receipt }))
    },
    async remove(_, receipts) {
      through()
      await queues.remove(
        { agentId },
        receipts.map((receipt) => ({ id: '', body: '', sentAt: 0, receiveCount: 1, receipt })),
      )
    },
    async beat(given, beat: Beat) {
      through()
      await queues.send('heartbeats', JSON.stringify(beat), { group: given.beats.group })
    },
    close() {},
  }
}

function resourcesOf({ resources = 'cpus:4;mem:4096;disk:10240;ports:[31000-31999]' }: ClusterOptions) {
  const parsedResources = parseResources(resources)
  if (!parsedResources.ok) throw new Error(parsedResources.error)
  return parsedResources.resources
}

function attributesOf(text: string | undefined) {
  if (text === undefined) return []
  const attributes = parseAttributes(text)
  if (!attributes.ok) throw new Error(attributes.error)
  return attributes.attributes
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
