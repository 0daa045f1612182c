// The endpoints of old, which tools and user interfaces still read: documents, metrics, redirect, files (C143–C146).
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startCluster, type TestCluster } from '../cluster.ts'
import { customExecutor, launchUnder, type TestExecutor } from '../executor.ts'
import { type Answer, commandTask, send, TestFramework } from '../framework.ts'
import { until } from './waiting.ts'

type Json = Readonly<Record<string, unknown>>

let cluster: TestCluster
/** Has a task of each kind: one runs, one has finished, one is under an executor of its own. */
let single: TestFramework
/** Has two roles, nothing but an offer, and labels. */
let multi: TestFramework
let over: TestFramework
let executor: TestExecutor

beforeAll(async () => {
  cluster = await startCluster({ attributes: 'rack:r1;size:2.5', logsToFile: true })
  over = await TestFramework.subscribe(cluster.url, { info: { name: 'over' } })
  await over.call({ type: 'TEARDOWN' })
  await over.untilEnd()

  single = await TestFramework.subscribe(cluster.url, { info: { name: 'single', hostname: 'h.example' } })
  executor = await launchUnder(single, () => cluster.agents[0]?.url ?? '', customExecutor('e'), ['under'])
  await executor.untilStarted()
  const stream = await executor.subscribe()
  await stream.next('LAUNCH')
  await executor.update('under', 'TASK_RUNNING')
  await single.update('under', 'TASK_RUNNING')
  const offer = await single.offerOf(2, 128)
  const done = commandTask(offer, 'done', 'echo hello from the task')
  const runs = commandTask(offer, 'runs', 'sleep 1000', { cpus: 1 })
  await single.call({ type: 'SUPPRESS' })
  await single.launch([offer], [done, runs])
  await single.update('runs', 'TASK_RUNNING')
  await single.update('done', 'TASK_FINISHED')

  multi = await TestFramework.subscribe(cluster.url, {
    info: { name: 'multi', roles: ['a', 'b/c'], labels: { labels: [{ key: 'k', value: 'v' }] } },
    capabilities: ['MULTI_ROLE', 'PARTITION_AWARE'],
    suppressedRoles: ['b/c'],
  })
  await multi.offer()
  // The acknowledgement of the last update is on its way.
  await until(async () => {
    const { tasks } = await document('/tasks')
    return (tasks as Json[]).some(({ id, state }) => id === 'done' && state === 'TASK_FINISHED')
  })
})
afterAll(async () => {
  executor.close()
  await cluster.stop()
})

async function document(path: string): Promise<Json> {
  const answer = await cluster.get(path)
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.text}`)
  expect(answer.headers['content-type']).toMatch(/^application\/json/)
  return answer.json as Json
}

function entry(document: Json, list: string, id: string): Json {
  const found = (document[list] as Json[]).find((each) => (each.id ?? each.executor_id ?? each.name) === id)
  if (found === undefined) throw new Error(`${list} has no ${id}`)
  return found
}

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/)
}

const STATE = words(`
  version build_date build_time build_user start_time elected_time id pid hostname capabilities activated_slaves
  deactivated_slaves unreachable_slaves leader leader_info flags slaves recovered_slaves frameworks
  completed_frameworks orphan_tasks unregistered_frameworks`)
const SLAVE = words(`
  id hostname port attributes pid registered_time resources used_resources offered_resources reserved_resources
  unreserved_resources active deactivated version capabilities`)
const FULL = words(`
  reserved_resources_full unreserved_resources_full used_resources_full offered_resources_full`)
const SUMMARY = words(`
  id name used_resources offered_resources capabilities hostname webui_url active connected recovered`)
const FRAMEWORK = words(`
  ${SUMMARY.join(' ')} user failover_timeout checkpoint registered_time unregistered_time resources tasks
  unreachable_tasks completed_tasks offers executors offer_constraints`)
const TASK = words('id name framework_id executor_id slave_id state resources role statuses')
const EXECUTOR = words('executor_id name framework_id command resources role slave_id')
const OFFER = words('id framework_id allocation_info slave_id resources')
const ROLE = words('name weight quota resources allocated offered reserved frameworks')
const COUNTERS = words(`
  TASK_STAGING TASK_STARTING TASK_RUNNING TASK_KILLING TASK_FINISHED TASK_KILLED TASK_FAILED TASK_LOST TASK_ERROR
  TASK_UNREACHABLE`)

function expectKeys(found: unknown, keys: readonly string[]): void {
  expect(Object.keys(found as object)).toEqual(expect.arrayContaining([...keys]))
}

/** Nothing in a document may speak of agents where Mesos says slave, and ids are plain text. */
function expectOldWords(value: unknown, path = ''): void {
  if (Array.isArray(value)) {
    for (const [index, each] of value.entries()) expectOldWords(each, `${path}[${index}]`)
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, each] of Object.entries(value)) {
      expect(`${path}.${key}`).not.toMatch(/\.agents?(_|$)/)
      if (/(^|_)id$/.test(key) && key !== 'container_id')
        expect([path, key, typeof each]).toEqual([path, key, 'string'])
      // Messages in the middle of the documents are v1 messages as they are.
      if (key !== 'container_status' && key !== 'flags') expectOldWords(each, `${path}.${key}`)
    }
  } else if (typeof value === 'string' && path.endsWith('reason')) {
    expect(value).not.toContain('AGENT')
  }
}

describe('documents', () => {
  test.each(['/state', '/master/state', '/master/state.json'])('C143 %s', async (path) => {
    const state = await document(path)
    expectKeys(state, STATE)
    expectOldWords(state)
    const { hostname, port } = new URL(cluster.url)
    expect(state).toMatchObject({
      activated_slaves: 1,
      deactivated_slaves: 0,
      unreachable_slaves: 0,
      leader: `master@${hostname}:${port}`,
      leader_info: { hostname, port: Number(port) },
      orphan_tasks: [],
    })
    const slave = entry(state, 'slaves', cluster.agents[0]?.id ?? '')
    expectKeys(slave, SLAVE)
    expect(slave).toMatchObject({
      attributes: { rack: 'r1', size: 2.5 },
      resources: { cpus: 4, gpus: 0, mem: 4096, disk: 10240, ports: '[31000-31999]' },
      used_resources: { cpus: 1.2, gpus: 0, mem: 96, disk: 16 },
      active: true,
    })
    const shown = entry(state, 'frameworks', single.id)
    expectKeys(shown, [...FRAMEWORK, 'role'])
    expect(shown).toMatchObject({
      name: 'single',
      hostname: 'h.example',
      user: 'root',
      active: true,
      role: '*',
      used_resources: { cpus: 1.2, mem: 96 },
    })
    for (const [list, id] of [
      ['tasks', 'runs'],
      ['tasks', 'under'],
      ['completed_tasks', 'done'],
    ] as const) {
      const task = entry(shown, list, id)
      expectKeys(task, TASK)
      expect(task).toMatchObject({
        framework_id: single.id,
        executor_id: id === 'under' ? 'e' : '',
        slave_id: cluster.agents[0]?.id,
        state: id === 'done' ? 'TASK_FINISHED' : 'TASK_RUNNING',
      })
      for (const status of task.statuses as Json[])
        expectKeys(status, ['state', 'timestamp', 'container_status'])
    }
    const e = entry(shown, 'executors', 'e')
    expectKeys(e, EXECUTOR)
    expect(e).toMatchObject({ command: { shell: true, value: 'exec sleep 1000', argv: [], uris: [] } })
    const other = entry(state, 'frameworks', multi.id)
    expectKeys(other, [...FRAMEWORK, 'roles', 'labels'])
    expect(other).toMatchObject({ roles: ['a', 'b/c'], capabilities: ['MULTI_ROLE', 'PARTITION_AWARE'] })
    const [offer] = other.offers as Json[]
    expectKeys(offer, OFFER)
    expect(offer).toMatchObject({ allocation_info: { role: 'a' }, resources: { cpus: 2.8 } })
    expect(entry(state, 'completed_frameworks', over.id)).toMatchObject({ name: 'over', active: false })
  })

  test.each(['/state-summary', '/master/state-summary'])('C143 %s', async (path) => {
    const summary = await document(path)
    expectKeys(summary, ['hostname', 'slaves', 'frameworks'])
    expectOldWords(summary)
    const slave = entry(summary, 'slaves', cluster.agents[0]?.id ?? '')
    expectKeys(slave, [...SLAVE, ...COUNTERS, 'framework_ids'])
    expect(slave).toMatchObject({ TASK_RUNNING: 2, TASK_FINISHED: 1, framework_ids: [single.id] })
    const shown = entry(summary, 'frameworks', single.id)
    expectKeys(shown, [...SUMMARY, ...COUNTERS, 'slave_ids'])
    expect(shown).toMatchObject({ TASK_RUNNING: 2, slave_ids: [cluster.agents[0]?.id] })
  })

  test.each(['/slaves', '/master/slaves'])('C143 %s', async (path) => {
    const slaves = await document(path)
    expectKeys(slaves, ['slaves', 'recovered_slaves'])
    const slave = entry(slaves, 'slaves', cluster.agents[0]?.id ?? '')
    expectKeys(slave, [...SLAVE, ...FULL])
    const full = slave.used_resources_full as Json[]
    expect(full.find(({ name }) => name === 'cpus')).toMatchObject({ role: '*', scalar: { value: 1.2 } })
    const [one] = (await document(`${path}?slave_id=${slave.id}`)).slaves as Json[]
    expect(one?.id).toBe(slave.id)
    expect((await document(`${path}?slave_id=nobody`)).slaves).toEqual([])
  })

  test.each(['/frameworks', '/master/frameworks'])('C143 %s', async (path) => {
    const frameworks = await document(path)
    expectKeys(frameworks, ['frameworks', 'completed_frameworks', 'unregistered_frameworks'])
    expectOldWords(frameworks)
    expectKeys(entry(frameworks, 'frameworks', single.id), FRAMEWORK)
    expectKeys(entry(frameworks, 'completed_frameworks', over.id), FRAMEWORK)
    const only = await document(`${path}?framework_id=${multi.id}`)
    expect((only.frameworks as Json[]).map(({ id }) => id)).toEqual([multi.id])
    expect(only.completed_frameworks).toEqual([])
  })

  test.each(['/tasks', '/master/tasks', '/master/tasks.json'])('C143 %s', async (path) => {
    const tasks = await document(path)
    expectOldWords(tasks)
    for (const task of tasks.tasks as Json[]) expectKeys(task, TASK)
    const idsOf = async (query: string) =>
      ((await document(`${path}?${query}`)).tasks as Json[]).map(({ id }) => id)
    expect(await idsOf('')).toEqual(['runs', 'done', 'under'])
    expect(await idsOf('order=asc')).toEqual(['under', 'done', 'runs'])
    expect(await idsOf('limit=1&offset=1')).toEqual(['done'])
    expect(await idsOf('task_id=done')).toEqual(['done'])
    expect(await idsOf(`framework_id=${multi.id}`)).toEqual([])
  })

  test.each(['/roles', '/master/roles'])('C143 %s', async (path) => {
    const roles = await document(path)
    for (const role of roles.roles as Json[]) {
      expectKeys(role, ROLE)
      expectKeys(role.quota, ['role', 'guarantee', 'limit', 'consumed'])
    }
    expect(entry(roles, 'roles', '*')).toMatchObject({
      weight: 1,
      frameworks: [single.id],
      resources: { cpus: 1.2, gpus: 0, mem: 96, disk: 16 },
      allocated: { cpus: 1.2, mem: 96, disk: 16 },
      offered: {},
      quota: { role: '*', guarantee: {}, limit: {}, consumed: { cpus: 1.2 } },
    })
    expect(entry(roles, 'roles', 'a')).toMatchObject({ frameworks: [multi.id], offered: { cpus: 2.8 } })
    expect(entry(roles, 'roles', 'b/c')).toMatchObject({ frameworks: [multi.id], offered: {} })
  })
})

test.each(['/metrics/snapshot', '/metrics/snapshot?timeout=10secs'])('C144 %s', async (path) => {
  const metrics = await document(path)
  const wrong = Object.entries(metrics).filter(([, value]) => typeof value !== 'number')
  expect(wrong).toEqual([])
  expect(metrics).toMatchObject({
    'master/elected': 1,
    'master/slaves_active': 1,
    'master/frameworks_active': 2,
    'master/tasks_running': 2,
    'master/tasks_finished': 1,
    'master/outstanding_offers': 1,
    'master/cpus_total': 4,
  })
  expect(metrics['master/cpus_used']).toBeCloseTo(1.2)
})

test.each(['/redirect', '/master/redirect'])('C145 %s is 307', async (path) => {
  for (const method of ['GET', 'POST', 'HEAD']) {
    const { status, headers, text } = await send(`${cluster.url}${path}`, { method })
    expect([method, status, text]).toEqual([method, 307, ''])
    // Whoever follows it finds what answers for the cluster.
    const { protocol } = new URL(cluster.url)
    const target = `${protocol}${headers.location}`
    expect((await send(`${target}/health`, { method: 'GET' })).status).toBe(200)
    expect(headers.location).toBe(cluster.url.replace(protocol, ''))
  }
  expect((await cluster.get(`${path}/deeper`)).status).toBe(404)
})

describe('files', () => {
  const read = async (base: string, query: string): Promise<Answer & { readonly json: Json }> => {
    const answer = await send(`${base}/files/read?${query}`, { method: 'GET' })
    return { ...answer, json: answer.status === 200 ? JSON.parse(answer.text) : {} }
  }

  test.each(['', '/master'])(
    'C146 %s/files/read without offset returns the size of the log',
    async (prefix) => {
      // Nothing has to be running for it to have been written to.
      const path = `path=${encodeURIComponent('/master/log')}`
      const base = `${cluster.url}${prefix}`
      const { status, json } = await read(base, path)
      expect([status, json.data]).toEqual([200, ''])
      const size = Number(json.offset)
      expect(size).toBeGreaterThan(0)
      const start = await read(base, `${path}&offset=0&length=20`)
      expect(start.json).toMatchObject({ offset: 0, data: expect.stringMatching(/^.{20}$/) })
      expect((await read(base, `${path}&offset=-1`)).json.data).toBe('')
      expect((await read(base, `${path}&offset=${size + 1_000_000}`)).json.data).toBe('')
      expect((await read(base, '')).status).toBe(400)
      const unknown = await read(base, 'path=/etc/passwd')
      expect([unknown.status, unknown.text === '' || !unknown.text.includes('root:')]).toEqual([404, true])
    },
  )

  test('C146 /files/read of an agent without offset returns the size of a file in a sandbox', async () => {
    const base = cluster.agents[0]?.url ?? ''
    const file = `/frameworks/${single.id}/executors/done/runs/latest/stdout`
    const path = `path=${encodeURIComponent(file)}`
    expect(await read(base, path)).toMatchObject({
      status: 200,
      json: { offset: 'hello from the task\n'.length, data: '' },
    })
    expect((await read(base, `${path}&offset=6&length=4`)).json).toEqual({ offset: 6, data: 'from' })
    expect((await read(base, 'path=/etc/passwd&offset=0')).status).toBe(404)
  })
})
