// A cluster that asks who one is: agents as always, frameworks and operators with what is theirs, and attacks that fail.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  basicAuthentication,
  READONLY_REALM,
  READWRITE_REALM,
  SCHEDULER_REALM,
} from '../../functions/http/authentication.ts'
import { startCluster, type TestCluster } from '../cluster.ts'
import { moveUntil } from '../conformance/waiting.ts'
import { commandTask, send, TestFramework } from '../framework.ts'
import { aclsOf } from '../functions/operator/asking.ts'

const SECRETS = new Map([
  ['jobs', 'j-secret'],
  ['web', 'w-secret'],
  ['ops', 'o-secret'],
])

const only = (principal: string, objects: string, ...values: readonly string[]) => ({
  principals: { values: [principal] },
  [objects]: values.length === 0 ? { type: 'ANY' } : { values },
})

const ACLS = {
  permissive: false,
  register_frameworks: [only('jobs', 'roles', 'batch'), only('web', 'roles', 'site')],
  run_tasks: [only('jobs', 'users', 'nobody'), only('web', 'users', 'root')],
  teardown_frameworks: [only('ops', 'framework_principals')],
  view_frameworks: [only('ops', 'users'), only('jobs', 'users', 'nobody')],
  view_tasks: [only('ops', 'users'), only('jobs', 'users', 'nobody')],
}

const as = (principal: string) => ({
  authorization: `Basic ${Buffer.from(`${principal}:${SECRETS.get(principal)}`).toString('base64')}`,
})

let cluster: TestCluster
beforeAll(async () => {
  cluster = await startCluster({
    agents: 1,
    store: 'memory',
    settings: { acls: aclsOf(ACLS) },
    guards: {
      scheduler: basicAuthentication(SECRETS, SCHEDULER_REALM),
      readwrite: basicAuthentication(SECRETS, READWRITE_REALM),
      readonly: basicAuthentication(SECRETS, READONLY_REALM),
    },
  })
})
afterAll(() => cluster.stop())

const subscribe = (principal: string, role: string, user: string) =>
  TestFramework.subscribe(cluster.url, {
    info: { role, user, failover_timeout: 60 },
    capabilities: ['PARTITION_AWARE'],
    headers: as(principal),
  })

const operator = (principal: string, call: object) =>
  send(`${cluster.url}/api/v1`, {
    headers: { 'content-type': 'application/json', ...as(principal) },
    body: JSON.stringify(call),
  })

describe('a cluster with credentials and lists of rights', () => {
  test('C30 C31 asks at its doors, and not whether it lives', async () => {
    expect((await cluster.get('/health')).status).toBe(200)
    for (const path of ['/state', '/api/v1', '/api/v1/scheduler', '/api/v1/meseta'])
      expect([path, (await cluster.get(path)).status]).toEqual([path, 401])
    await expect(TestFramework.subscribe(cluster.url)).rejects.toThrow()
  })

  test('A4: a framework runs what it may, where it may', async () => {
    const framework = await subscribe('jobs', 'batch', 'nobody')
    await expect(subscribe('jobs', 'site', 'nobody')).rejects.toThrow("Not authorized to use role 'site'")
    await moveUntil(cluster, () => framework.events.some(({ type }) => type === 'OFFERS'), {
      atMostMs: 10_000,
    })
    const offer = await framework.offer()
    const good = commandTask(offer, 'good', 'sleep 1000')
    const bad = { ...commandTask(offer, 'bad', 'sleep 1000'), command: { value: 'sleep 1000', user: 'root' } }
    await framework.launch([offer], [good, bad], 3_600)
    expect(await framework.update('bad', 'TASK_ERROR')).toMatchObject({ reason: 'REASON_TASK_UNAUTHORIZED' })
    await framework.update('good', 'TASK_RUNNING')

    // A1, A3: another principal, with everything it could have read on the way.
    const stolen = {
      'content-type': 'application/json',
      'mesos-stream-id': framework.streamId,
      ...as('web'),
    }
    const kill = {
      type: 'KILL',
      framework_id: { value: framework.id },
      kill: { task_id: { value: 'good' } },
    }
    const killed = await send(`${cluster.url}/api/v1/scheduler`, {
      headers: stolen,
      body: JSON.stringify(kill),
    })
    expect(killed.status).toBe(400)
    const takeover = TestFramework.subscribe(cluster.url, {
      info: { id: { value: framework.id }, role: 'site', user: 'root' },
      headers: as('web'),
    })
    await expect(takeover).rejects.toThrow('refused')
    expect(framework.ended).toBe(false)

    // Who looks sees what is theirs.
    const tasks = async (principal: string) => (await operator(principal, { type: 'GET_TASKS' })).text
    expect(await tasks('ops')).toContain('good')
    expect(await tasks('jobs')).toContain('good')
    expect(await tasks('web')).not.toContain('good')

    const teardown = { type: 'TEARDOWN', teardown: { framework_id: { value: framework.id } } }
    expect((await operator('web', teardown)).status).toBe(403)
    expect((await operator('jobs', teardown)).status).toBe(403)
    expect((await operator('ops', teardown)).status).toBe(200)
    await framework.untilEnd()
  })

  test('a process of the host sees everything without a name', async () => {
    const state = (await cluster.controlPlane.readState()) as { slaves: readonly object[] }
    expect(state.slaves).toHaveLength(1)
  })
})
