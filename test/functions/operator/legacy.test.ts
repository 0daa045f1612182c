// The endpoints of old: their keys in v0 vocabulary, their habits.
import { beforeAll, describe, expect, test } from 'vitest'
import { allocate } from '../../../functions/allocator/handler.ts'
import { agent, cpusMem, framework, ports, reserved, scalar } from '../../master/allocator/world.ts'
import { type Office, office, task, textOf } from './asking.ts'

const A = 'cluster-Sa'
const KEYS = {
  state:
    'version build_date build_time build_user start_time elected_time id pid hostname capabilities activated_slaves ' +
    'deactivated_slaves unreachable_slaves leader leader_info flags slaves recovered_slaves frameworks ' +
    'completed_frameworks orphan_tasks unregistered_frameworks',
  slave:
    'id hostname port attributes pid registered_time resources used_resources offered_resources reserved_resources ' +
    'unreserved_resources active deactivated version capabilities',
  framework:
    'id name used_resources offered_resources capabilities hostname webui_url active connected recovered user ' +
    'failover_timeout checkpoint registered_time unregistered_time resources roles tasks unreachable_tasks ' +
    'completed_tasks offers executors offer_constraints',
  task: 'id name framework_id executor_id slave_id state resources role statuses',
  role: 'name weight quota resources allocated offered reserved frameworks',
  counters:
    'TASK_STAGING TASK_STARTING TASK_RUNNING TASK_KILLING TASK_FINISHED TASK_KILLED TASK_FAILED TASK_LOST TASK_ERROR ' +
    'TASK_UNREACHABLE',
}

type Document = Record<string, unknown>

function expectKeys(found: unknown, keys: string): void {
  expect(Object.keys(found as Document)).toEqual(expect.arrayContaining(keys.split(' ')))
}

/** The first entry of a list in a document. */
function first(document: Document | undefined, list: string): Document {
  const [found] = (document?.[list] ?? []) as Document[]
  if (found === undefined) throw new Error(`no ${list}`)
  return found
}

let there: Office

beforeAll(async () => {
  there = await office()
  const total = [...cpusMem(4, 4096), ports(31000, 31999), ...reserved([scalar('disk', 100)], 'web')]
  await there.put(
    agent(A, total, {
      ledger: { sums: { f: { '*': cpusMem(1, 1024) } } },
      entry: {
        info: {
          hostname: 'a.example',
          attributes: [
            { name: 'rack', type: 'TEXT', text: { value: 'r1' } },
            { name: 'size', type: 'SCALAR', scalar: { value: 2.5 } },
          ],
        },
      },
    }),
    framework('f'),
    framework('over', { state: 'removed', removedAt: 5 }),
  )
  await there.putTask(
    task('t1', {
      mesos: {
        state: 'TASK_RUNNING',
        statuses: [
          {
            task_id: { value: 't1' },
            state: 'TASK_RUNNING',
            timestamp: 7.5,
            healthy: true,
            reason: 'REASON_AGENT_REREGISTERED',
          },
        ],
        labels: { labels: [{ key: 'k', value: 'v' }] },
      },
    }),
  )
  await there.putTask(
    task('t2', { createdAt: 1_700_000_000_001, standing: 'finished', mesos: { state: 'TASK_FINISHED' } }),
  )
  await allocate(there.env)
})

describe('C143: the documents', () => {
  test.each(['/state', '/master/state', '/state.json', '/master/state.json'])('%s', async (path) => {
    const state = await there.get(path)
    expectKeys(state, KEYS.state)
    const slave = first(state, 'slaves')
    expectKeys(slave, KEYS.slave)
    expect(slave).toMatchObject({
      pid: 'slave(1)@10.0.0.1:5051',
      attributes: { rack: 'r1', size: 2.5 },
      resources: { cpus: 4, gpus: 0, mem: 4096, disk: 100, ports: '[31000-31999]' },
      used_resources: { cpus: 1, mem: 1024, disk: 0, gpus: 0 },
      reserved_resources: { web: { disk: 100, cpus: 0 } },
    })
    const shown = first(state, 'frameworks')
    expectKeys(shown, KEYS.framework)
    expect(shown).toMatchObject({
      id: 'f',
      offered_resources: { cpus: 3, mem: 3072, ports: '[31000-31999]' },
    })
    const shownTask = first(shown, 'tasks')
    expectKeys(shownTask, KEYS.task)
    expect(shownTask).toMatchObject({
      executor_id: '',
      slave_id: A,
      resources: { cpus: 1, gpus: 0, mem: 1024, disk: 0 },
      labels: [{ key: 'k', value: 'v' }],
      statuses: [
        { state: 'TASK_RUNNING', timestamp: 7.5, healthy: true, reason: 'REASON_SLAVE_REREGISTERED' },
      ],
    })
    expect(first(shown, 'offers')).toMatchObject({
      framework_id: 'f',
      slave_id: A,
      allocation_info: { role: '*' },
    })
    expect(first(state, 'completed_frameworks')).toMatchObject({ id: 'over', unregistered_time: 0.005 })
  })

  test('/state-summary counts tasks per agent and framework', async () => {
    const summary = await there.get('/master/state-summary')
    const slave = first(summary, 'slaves')
    expectKeys(slave, `${KEYS.slave} ${KEYS.counters} framework_ids`)
    expect(slave).toMatchObject({ TASK_RUNNING: 1, TASK_FINISHED: 1, framework_ids: ['f'] })
    expect(first(summary, 'frameworks')).toMatchObject({ id: 'f', TASK_RUNNING: 1, slave_ids: [A] })
  })

  test('/slaves has the full resources as well, and takes an id', async () => {
    const slave = first(await there.get('/slaves'), 'slaves')
    expectKeys(
      slave,
      `${KEYS.slave} reserved_resources_full unreserved_resources_full used_resources_full offered_resources_full`,
    )
    expect(slave.reserved_resources_full).toMatchObject({
      web: [{ name: 'disk', role: 'web', reservations: [{ type: 'STATIC', role: 'web' }] }],
    })
    expect(await there.get('/slaves?slave_id=nobody')).toEqual({ slaves: [], recovered_slaves: [] })
  })

  test('/frameworks takes an id', async () => {
    expectKeys(first(await there.get('/frameworks?framework_id=f'), 'frameworks'), KEYS.framework)
    expect(await there.get('/frameworks?framework_id=over')).toMatchObject({ frameworks: [] })
  })

  test('/tasks: newest first, pages, filters', async () => {
    const ids = async (query: string) =>
      ((await there.get(`/tasks?${query}`)).tasks as Document[]).map(({ id }) => id)
    expect(await ids('')).toEqual(['t2', 't1'])
    expect(await ids('order=asc')).toEqual(['t1', 't2'])
    expect(await ids('limit=1&offset=1')).toEqual(['t1'])
    expect(await ids('task_id=t2')).toEqual(['t2'])
    expect(await ids('framework_id=nobody')).toEqual([])
    expect(await ids('limit=x&offset=-1')).toEqual(['t2', 't1'])
  })

  test('/roles', async () => {
    const { roles } = (await there.get('/roles')) as { roles: Document[] }
    expect(roles.map(({ name }) => name)).toEqual(['*', 'web'])
    for (const role of roles) expectKeys(role, KEYS.role)
    expect(roles[0]).toMatchObject({
      frameworks: ['f'],
      allocated: { cpus: 1, mem: 1024 },
      offered: { cpus: 3, mem: 3072 },
      quota: { role: '*', guarantee: {}, limit: {}, consumed: { cpus: 1, mem: 1024 } },
    })
    expect(roles[1]).toMatchObject({ reserved: { disk: 100 }, frameworks: [] })
  })
})

describe('habits', () => {
  test('C144: /metrics/snapshot is a flat object of numbers and says it is elected', async () => {
    const snapshot = await there.get('/metrics/snapshot?timeout=10secs')
    for (const [name, value] of Object.entries(snapshot))
      expect([name, typeof value]).toEqual([name, 'number'])
    expect(snapshot).toMatchObject({
      'master/elected': 1,
      'master/cpus_total': 4,
      'master/cpus_used': 1,
      'master/cpus_percent': 0.25,
      'master/slaves_active': 1,
      'master/frameworks_connected': 1,
      'master/outstanding_offers': 1,
      'master/tasks_running': 1,
      'master/tasks_finished': 1,
      'allocator/mesos/allocation_runs': 1,
      'allocator/mesos/roles/*/shares/dominant': 1,
      'master/frameworks/f/f/roles/*/suppressed': 0,
    })
    const { get_metrics } = await there.call({ type: 'GET_METRICS', get_metrics: {} })
    expect(get_metrics?.metrics?.map(({ name }) => name)).toEqual(Object.keys(snapshot))
  })

  test.each(['/redirect', '/master/redirect'])('C145: %s is 307', async (path) => {
    const answer = await there.request('GET', path)
    expect([answer.status, answer.headers.location, textOf(answer)]).toEqual([307, '//127.0.0.1:5050', ''])
    expect((await there.request('GET', `${path}/x`)).status).toBe(404)
  })

  test.each(['/health', '/master/health'])('C30: %s is 200 and empty', async (path) => {
    for (const method of ['GET', 'POST', 'HEAD']) {
      const answer = await there.request(method, path)
      expect([answer.status, textOf(answer)]).toEqual([200, ''])
    }
  })

  test('/version and /flags', async () => {
    expectKeys(await there.get('/version'), 'version build_date build_time build_user')
    expect(await there.get('/flags')).toMatchObject({ flags: { cluster: 'local', role_sorter: 'drf' } })
  })

  test('what nobody can have set is empty', async () => {
    expect(await there.get('/quota')).toEqual({})
    expect(await there.get('/weights')).toEqual([])
    expect(await there.get('/maintenance/schedule')).toEqual({})
    expect(await there.get('/maintenance/status')).toEqual({})
  })

  test('jsonp wraps, and takes nothing but a name (A20)', async () => {
    const wrapped = await there.request('GET', '/state?jsonp=show.state')
    expect(wrapped.headers['content-type']).toBe('text/javascript')
    expect(textOf(wrapped)).toMatch(/^show\.state\(\{.*\}\);$/s)
    expect((await there.request('GET', '/state?jsonp=alert(1)//')).status).toBe(400)
  })

  test('POST /teardown takes a form', async () => {
    const own = await office()
    await own.put(framework('f'))
    const teardown = async (body: string) => (await own.request('POST', '/master/teardown', { body })).status
    expect(await teardown('')).toBe(400)
    expect(await teardown('frameworkId=nobody')).toBe(400)
    expect(await teardown('frameworkId=f')).toBe(200)
    expect(await teardown('frameworkId=f')).toBe(400)
    expect((await own.request('GET', '/teardown')).headers.allow).toBe('POST')
  })
})
