// The path agents call, as they call it: JSON in, JSON out, and a sentence for whatever is no call.
import { describe, expect, test } from 'vitest'
import { agentRoutes, answerCall } from '../../../functions/agents/handler.ts'
import { routed } from '../../../functions/http/routes.ts'
import type { HttpAnswer } from '../../../functions/http/types.ts'
import { scalar, type World, world } from './world.ts'

const registration = {
  type: 'REGISTER',
  bootNonce: 'boot',
  agentInfo: { hostname: 'h', resources: [scalar('cpus', 1)], port: 5051 },
  address: { ip: '127.0.0.1', port: 5051 },
  version: '0.1.0',
  capabilities: [{ type: 'MULTI_ROLE' }],
  applied: 0,
  sums: {},
  page: 0,
  pages: 1,
  tasks: [],
  executors: [],
  frameworks: [],
}

async function post({ env }: World, body: unknown): Promise<{ status: number; body: string }> {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  const answer: HttpAnswer = await routed(
    env,
    agentRoutes(env),
  )({
    method: 'POST',
    path: '/api/v1/agent',
    query: new URLSearchParams(),
    headers: {},
    body: bytes,
    params: {},
  })
  return { status: answer.status, body: String(answer.body) }
}

describe('calls', () => {
  test('a registration over HTTP, then the list, then leaving', async () => {
    const w = await world()
    const answer = await post(w, registration)
    expect(answer.status).toBe(200)
    const { agentId, incarnation, kind } = JSON.parse(answer.body)
    expect(kind).toBe('registered')
    const who = { agentId, incarnation }
    const list = await post(w, { type: 'SYNC', ...who, applied: 0 })
    expect(JSON.parse(list.body)).toEqual({
      kind: 'wanted',
      generation: 0,
      tasks: [],
      frameworks: [],
      endExecutors: [],
    })
    const updates = { type: 'UPDATES', ...who, applied: 0, updates: [], exits: [], messages: [] }
    expect(JSON.parse((await post(w, updates)).body)).toEqual({
      kind: 'answered',
      results: [],
      generation: 0,
    })
    expect(JSON.parse((await post(w, { type: 'UNREGISTER', ...who })).body)).toEqual({ kind: 'unregistered' })
  })

  test('an unknown agent is sent to register', async () => {
    const w = await world()
    const call = { type: 'SYNC', agentId: 'test-Snobody', incarnation: 1, applied: 0 }
    expect(JSON.parse((await post(w, call)).body)).toEqual({ kind: 'register-again' })
  })

  test('numbers beyond 2^53 and Infinity reach the agent as they are', async () => {
    const w = await world()
    const framework = await w.framework()
    const agent = await w.agent()
    await agent.launch(framework, ['t1'])
    const run = await agent.run(framework, 't1')
    if (run === undefined) throw new Error('no run')
    const task = {
      ...run.task,
      kill_policy: { grace_period: { nanoseconds: 9_007_199_254_740_993n } },
      limits: { mem: { value: Number.POSITIVE_INFINITY } },
    }
    await w.store.commit(
      [{ do: 'put', kind: 'run', item: { ...run, task }, when: { name: 'unchanged' } }],
      'token',
    )
    const call = { type: 'SYNC', agentId: agent.id, incarnation: agent.incarnation, applied: 0 }
    const { body } = await post(w, call)
    expect(body).toContain('9007199254740993')
    expect(JSON.parse(body).tasks[0].task.limits.mem.value).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('what is no call', () => {
  const update = {
    frameworkId: 'f',
    taskId: 't',
    number: 1,
    launchIncarnation: 1,
    status: { task_id: { value: 't' }, state: 'TASK_RUNNING' },
    latestState: 'TASK_RUNNING',
  }
  const updates = {
    type: 'UPDATES',
    agentId: 'c-S1',
    incarnation: 1,
    applied: 0,
    updates: [],
    exits: [],
    messages: [],
  }

  test.each<[string, unknown, RegExp]>([
    ['A11 nothing', '', /not JSON/],
    ['A11 no JSON', '{', /not JSON/],
    ['A11 a list', [], /must be a JSON object/],
    ['A11 null', null, /must be a JSON object/],
    ['no type', {}, /'type'/],
    ['another type', { type: 'SUBSCRIBE' }, /must be REGISTER/],
    ['A11 nested deep', `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`, /nested/],
    ['A11 lists nested deep', `{"type":"SYNC","x":${'['.repeat(90_000)}${']'.repeat(90_000)}}`, /nested/],
    ['no agent', { type: 'SYNC' }, /'agentId' must be a text/],
    [
      'an agent id with a slash',
      { type: 'SYNC', agentId: '../S1', incarnation: 1, applied: 0 },
      /no agent id/,
    ],
    ['a negative number', { type: 'SYNC', agentId: 'c-S1', incarnation: -1, applied: 0 }, /'incarnation'/],
    [
      'a number too large',
      '{"type":"SYNC","agentId":"c-S1","incarnation":1e400,"applied":0}',
      /'incarnation'/,
    ],
    [
      'A10 too many updates',
      { ...updates, updates: Array.from({ length: 31 }, () => update) },
      /more than 30/,
    ],
    [
      'a state that is none',
      { ...updates, updates: [{ ...update, latestState: 'TASK_FINE' }] },
      /updates\[0\].latestState/,
    ],
    [
      'a status without task',
      { ...updates, updates: [{ ...update, status: { state: 'TASK_RUNNING' } }] },
      /task_id/,
    ],
    [
      'A14 a task id that is a path',
      { ...updates, updates: [{ ...update, taskId: '../x' }] },
      /'updates\[0\].taskId' is no id/,
    ],
    ['page beyond pages', { ...registration, page: 1 }, /'page'/],
    [
      'negative resources',
      { ...registration, agentInfo: { hostname: 'h', resources: [scalar('cpus', -1)] } },
      /agentInfo/,
    ],
    ['no host name', { ...registration, agentInfo: {} }, /hostname/],
    ['a role that is none', { ...registration, sums: { f: { '/r': [] } } }, /not sound/],
    ['A11 sums that are a list', { ...registration, sums: [] }, /'sums' must be an object/],
  ])('%s is 400 with a sentence', async (_, body, sentence) => {
    const answer = await post(await world(), body)
    expect(answer.status).toBe(400)
    expect(answer.body).toMatch(sentence)
    expect(answer.body.length).toBeLessThan(500)
  })

  test('A11 prototype keys are only keys', async () => {
    const w = await world()
    const body = JSON.stringify(registration).replace(
      '"sums":{}',
      '"sums":{"__proto__":{"__proto__":[],"constructor":[]}}',
    )
    const answer = await answerCall(w.env, {
      method: 'POST',
      path: '/api/v1/agent',
      query: new URLSearchParams(),
      headers: {},
      body: Buffer.from(body),
      params: {},
    })
    expect(answer.status).toBe(200)
    expect(Object.hasOwn(Object.prototype, 'constructor')).toBe(true)
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })
})
