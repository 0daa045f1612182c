// An operator's requests to a cluster in memory.

import { routed } from '../../../functions/http/routes.ts'
import { type Handler, type HttpAnswer, isStream } from '../../../functions/http/types.ts'
import type { Guards } from '../../../functions/operator/legacy/routes.ts'
import { operatorRoutes } from '../../../functions/operator/routes.ts'
import { deadLettersOf } from '../../../functions/ports/dead-letters.ts'
import { memoryQueues } from '../../../functions/ports/queues-memory.ts'
import { type Acls, readAcls } from '../../../master/authorization/acls.ts'
import type { Task } from '../../../master/model.ts'
import type { MasterCall, MasterEvent, MasterResponse } from '../../../protocol/messages.ts'
import { RecordDecoder } from '../../../protocol/recordio.ts'
import { cpusMem } from '../../master/allocator/world.ts'
import { type Place, place } from '../allocator/place.ts'

export interface Office extends Place {
  readonly handler: Handler
  readonly queues: ReturnType<typeof memoryQueues>
  request(method: string, target: string, options?: Options): Promise<HttpAnswer>
  /** `POST /api/v1` in JSON; the answer's message. */
  call(call: MasterCall): Promise<MasterResponse>
  get(target: string): Promise<Record<string, unknown>>
  putTask(task: Task): Promise<void>
}

interface Options {
  readonly body?: string | Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

/** @param options.acls in Mesos's JSON */
export async function office(
  options: Guards & { readonly logFile?: string; readonly acls?: object } = {},
): Promise<Office> {
  const { acls, ...doors } = options
  const { env: given, ...world } = place()
  const { clock } = world
  const env = acls === undefined ? given : { ...given, settings: { ...given.settings, acls: aclsOf(acls) } }
  const there = { ...world, env }
  const queues = memoryQueues(clock)
  const cluster = { version: 0, ...env.cluster, createdAt: clock.now() }
  await env.store.commit([{ do: 'put', kind: 'cluster', item: cluster, when: { name: 'absent' } }], 'cluster')
  const handler = routed(env, operatorRoutes(env, { deadLetters: deadLettersOf(queues), ...doors }))
  const request: Office['request'] = async (method, target, { body = '', headers = {} } = {}) => {
    const { pathname, searchParams } = new URL(target, 'http://x')
    return await handler({
      method,
      path: pathname,
      query: searchParams,
      headers,
      body: typeof body === 'string' ? Buffer.from(body) : body,
      params: {},
    })
  }
  return {
    ...there,
    handler,
    queues,
    request,
    async call(call) {
      const answer = await request('POST', '/api/v1', {
        body: JSON.stringify(call),
        headers: { 'content-type': 'application/json' },
      })
      if (answer.status !== 200) throw new Error(`${answer.status} ${textOf(answer)}`)
      return textOf(answer) === '' ? {} : JSON.parse(textOf(answer))
    },
    async get(target) {
      return JSON.parse(textOf(await request('GET', target)))
    },
    async putTask(task) {
      await env.store.commit(
        [{ do: 'put', kind: 'task', item: task, when: { name: 'anything' } }],
        crypto.randomUUID(),
      )
    },
  }
}

export function aclsOf(value: object): Acls {
  const read = readAcls(value)
  if (!read.ok) throw new Error(read.error)
  return read.acls
}

export function textOf({ body }: HttpAnswer): string {
  if (isStream(body)) throw new Error('a stream')
  return typeof body === 'string' ? body : Buffer.from(body).toString()
}

/** The events of a stream as they come. */
export function listen(answer: HttpAnswer): {
  readonly events: MasterEvent[]
  until(isEnough: (events: readonly MasterEvent[]) => boolean): Promise<void>
  close(): Promise<void>
} {
  if (!isStream(answer.body)) throw new Error('no stream')
  const events: MasterEvent[] = []
  const decoder = new RecordDecoder()
  const closed = new AbortController()
  const running = answer.body.open(async (record) => {
    for (const one of decoder.push(record)) events.push(JSON.parse(Buffer.from(one).toString()))
    return true
  }, closed.signal)
  return {
    events,
    async until(isEnough) {
      for (let tries = 0; !isEnough(events); tries++) {
        if (tries > 300) throw new Error(`not heard; heard ${events.map(({ type }) => type).join(' ')}`)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    },
    async close() {
      closed.abort()
      await running
    },
  }
}

export function task(
  taskId: string,
  more: Partial<Omit<Task, 'mesos'>> & { readonly mesos?: Partial<Task['mesos']> } = {},
): Task {
  const { mesos, ...rest } = more
  const { frameworkId = 'f', agentId = 'cluster-Sa' } = rest
  return {
    version: 0,
    frameworkId,
    taskId,
    shard: 0,
    agentId,
    acceptId: 'accept',
    launchIncarnation: 1,
    launchGeneration: 1,
    mesos: {
      name: taskId,
      task_id: { value: taskId },
      framework_id: { value: frameworkId },
      agent_id: { value: agentId },
      state: 'TASK_STAGING',
      resources: cpusMem(1, 1024),
      ...mesos,
    },
    role: '*',
    lastUpdate: 0,
    custody: [],
    standing: 'live',
    createdAt: 1_700_000_000_000,
    ...rest,
  }
}
