// Where attacks are tried: the whole front of a control plane in memory, two principals with their frameworks, agents.
import { agentRoutes } from '../../functions/agents/handler.ts'
import { basicAuthentication, SCHEDULER_REALM } from '../../functions/http/authentication.ts'
import { routed } from '../../functions/http/routes.ts'
import { type Handler, type HttpAnswer, isStream } from '../../functions/http/types.ts'
import { operatorRoutes } from '../../functions/operator/routes.ts'
import { deadLettersOf } from '../../functions/ports/dead-letters.ts'
import { schedulerRoutes } from '../../functions/scheduler/routes.ts'
import type { Framework } from '../../master/model.ts'
import type { FrameworkInfo, SchedulerCall, SchedulerEvent } from '../../protocol/messages.ts'
import { RecordDecoder } from '../../protocol/recordio.ts'
import { all } from '../../store/store.ts'
import { type World, world } from '../functions/agents/world.ts'

const SECRETS: Readonly<Record<string, string>> = { alice: 'a-secret', mallory: 'm-secret' }

export interface Ground {
  readonly w: World
  /** Every route of the front, as a host calls it. */
  readonly front: Handler
  ask(
    path: string,
    body: string | Uint8Array | object,
    headers?: Readonly<Record<string, string>>,
    more?: { readonly method?: string; readonly caller?: string },
  ): Promise<Answer>
  /** A framework of the principal that has just subscribed. */
  subscribed(principal: string, info?: Partial<FrameworkInfo>): Promise<Session>
  /** What the table holds of these frameworks and agents: their items, tasks, mail. */
  picture(of: {
    readonly frameworks?: readonly string[]
    readonly agents?: readonly string[]
  }): Promise<unknown>
}

export interface Answer {
  readonly status: number
  readonly text: string
  readonly headers: Readonly<Record<string, string>>
}

export interface Session {
  readonly principal: string
  readonly id: string
  readonly streamId: string
  framework(): Promise<Framework>
  call(call: Omit<SchedulerCall, 'framework_id'>, by?: Partial<Caller>): Promise<Answer>
}

/** Whose name, stream and framework a call bears; all of them the session's own unless told. */
export interface Caller {
  readonly principal: string
  readonly streamId: string
  readonly frameworkId: string
}

export async function ground(options: Parameters<typeof world>[0] = {}): Promise<Ground> {
  const w = await world(options)
  const authenticate = basicAuthentication(new Map(Object.entries(SECRETS)), SCHEDULER_REALM)
  const front = routed(w.env, [
    ...schedulerRoutes(w.env, { authenticate }),
    ...agentRoutes(w.env),
    ...operatorRoutes(w.env, {
      deadLetters: deadLettersOf(w.queues),
      readonly: authenticate,
      readwrite: authenticate,
    }),
  ])
  const self: Ground = {
    w,
    front,
    async ask(path, body, headers = {}, { method = 'POST', caller } = {}) {
      const { pathname, searchParams } = new URL(path, 'http://front')
      const isBytes = typeof body === 'string' || body instanceof Uint8Array
      return await read(
        await front({
          method,
          path: pathname,
          query: searchParams,
          headers: { 'content-type': 'application/json', ...headers },
          body: Buffer.from(isBytes ? body : JSON.stringify(body)),
          params: {},
          caller,
        }),
      )
    },
    async subscribed(principal, info = {}) {
      const call: SchedulerCall = {
        type: 'SUBSCRIBE',
        ...(info.id === undefined ? {} : { framework_id: info.id }),
        subscribe: {
          framework_info: {
            user: 'u',
            name: principal,
            failover_timeout: 3_600,
            capabilities: [{ type: 'PARTITION_AWARE' }],
            ...info,
          },
        },
      }
      const headers = { ...basic(principal), 'meseta-delivery': 'poll' }
      const answer = await self.ask('/api/v1/scheduler', call, headers)
      const id = eventOf(answer.text)?.subscribed?.framework_id.value
      if (id === undefined) throw new Error(`not subscribed: ${answer.status} ${answer.text}`)
      return sessionOf(self, { principal, id, streamId: answer.headers['mesos-stream-id'] ?? '' })
    },
    async picture({ frameworks = [], agents = [] }) {
      const { store } = w
      const ofFrameworks = frameworks.map(async (frameworkId) => [
        await store.get('framework', { frameworkId }),
        await all(store, 'tasks', { frameworkId, shard: 0 }),
        await all(store, 'mail', { frameworkId, shard: 0 }),
      ])
      const ofAgents = agents.map((agentId) => all(store, 'agent', { agentId }))
      return await Promise.all([...ofFrameworks, ...ofAgents])
    },
  }
  return self
}

function sessionOf({ w, ask }: Ground, who: Pick<Session, 'principal' | 'id' | 'streamId'>): Session {
  const { principal, id, streamId } = who
  return {
    ...who,
    async framework() {
      const found = await w.store.get('framework', { frameworkId: id })
      if (found === undefined) throw new Error('no framework')
      return found
    },
    call: (call, by = {}) =>
      ask(
        '/api/v1/scheduler',
        { ...call, framework_id: { value: by.frameworkId ?? id } },
        { ...basic(by.principal ?? principal), 'mesos-stream-id': by.streamId ?? streamId },
      ),
  }
}

/** The header with which a principal says who it is. */
export function basic(principal: string): { readonly authorization: string } {
  const pair = `${principal}:${SECRETS[principal]}`
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
}

/** The first event of a stream that was read whole; undefined when the answer is none. */
export function eventOf(text: string): SchedulerEvent | undefined {
  if (!/^\d/.test(text)) return undefined
  const [record] = new RecordDecoder().push(Buffer.from(text))
  return record === undefined ? undefined : JSON.parse(record.toString())
}

async function read({ status, headers, body }: HttpAnswer): Promise<Answer> {
  if (!isStream(body)) {
    return { status, headers, text: typeof body === 'string' ? body : Buffer.from(body).toString() }
  }
  let text = ''
  const closed = new AbortController()
  // A stream that goes on is closed behind its first record.
  await body.open(async (record) => {
    text += Buffer.from(record).toString()
    closed.abort()
    return false
  }, closed.signal)
  return { status, headers, text }
}
