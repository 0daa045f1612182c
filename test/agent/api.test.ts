// What the agent shows over HTTP: operator calls, and the older endpoints that monitors read.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decodeMessage, encodeMessage } from '../../protocol/codec.ts'
import { startWorld, until, type World } from './agent-process.ts'
import { wanted } from './tasks.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ flags: { work_dir: '/tmp' } })
  world.controlPlane.want([
    wanted('shown', 'echo hello; exec sleep 100', { labels: { labels: [{ key: 'k', value: 'v' }] } }),
  ])
  await until(() => world.controlPlane.states('shown').length === 2)
})
afterAll(() => world.close())

describe('operator calls', () => {
  test('GET_STATE is GET_TASKS, GET_EXECUTORS and GET_FRAMEWORKS together', async () => {
    const state = (await call('GET_STATE')).get_state
    expect(state).toEqual({
      get_tasks: (await call('GET_TASKS')).get_tasks,
      get_executors: (await call('GET_EXECUTORS')).get_executors,
      get_frameworks: (await call('GET_FRAMEWORKS')).get_frameworks,
    })
    expect(state.get_tasks.launched_tasks).toMatchObject([
      {
        task_id: { value: 'shown' },
        framework_id: { value: 'f' },
        agent_id: { value: 'm-S1' },
        state: 'TASK_RUNNING',
        statuses: [{ state: 'TASK_STARTING' }, { state: 'TASK_RUNNING' }],
        labels: { labels: [{ key: 'k', value: 'v' }] },
      },
    ])
    expect(state.get_tasks.queued_tasks).toEqual([])
    expect(state.get_executors.executors).toMatchObject([
      { executor_info: { executor_id: { value: 'shown' } } },
    ])
  })

  test('GET_AGENT, GET_VERSION, GET_HEALTH, GET_FLAGS, GET_METRICS, GET_OPERATIONS', async () => {
    expect((await call('GET_AGENT')).get_agent.agent_info).toMatchObject({
      hostname: 'localhost',
      id: { value: 'm-S1' },
      port: world.agent.port,
    })
    expect((await call('GET_VERSION')).get_version.version_info.version).toMatch(/^\d+\.\d+\.\d+$/)
    expect((await call('GET_HEALTH')).get_health).toEqual({ healthy: true })
    expect((await call('GET_FLAGS')).get_flags.flags).toEqual([{ name: 'work_dir', value: '/tmp' }])
    const { metrics } = (await call('GET_METRICS', { get_metrics: {} })).get_metrics
    expect(metrics).toContainEqual({ name: 'slave/registered', value: 1 })
    expect(metrics).toContainEqual({ name: 'slave/tasks_running', value: 1 })
    const free = metrics?.find(({ name }: { name: string }) => name === 'meseta/disk_free_bytes')
    expect(free?.value).toBeGreaterThan(0)
    expect((await call('GET_OPERATIONS')).get_operations).toBeDefined()
  })

  test('GET_CONTAINERS says what runs and what it uses', async () => {
    const { containers } = (await call('GET_CONTAINERS')).get_containers
    expect(containers).toMatchObject([
      {
        framework_id: { value: 'f' },
        executor_id: { value: 'shown' },
        container_id: { value: expect.any(String) },
        resource_statistics: { mem_limit_bytes: 32 * 1024 * 1024, processes: expect.any(Number) },
      },
    ])
  })

  test('protobuf both ways', async () => {
    const response = await post(
      encodeMessage('mesos.v1.agent.Call', 'application/x-protobuf', { type: 'GET_HEALTH' }),
      {
        'content-type': 'application/x-protobuf',
        accept: 'application/x-protobuf',
      },
    )
    const bytes = new Uint8Array(await response.arrayBuffer())
    const decoded = decodeMessage('mesos.v1.agent.Response', 'application/x-protobuf', bytes)
    expect(decoded).toMatchObject({ ok: true, message: { get_health: { healthy: true } } })
  })

  test('what is wrong is said', async () => {
    const json = { 'content-type': 'application/json' }
    expect((await fetch(url('/api/v1'))).status).toBe(405)
    expect((await post('{', json)).status).toBe(400)
    expect(await (await post('{}', json)).text()).toContain(
      "Failed to validate agent::Call: Expecting 'type'",
    )
    expect((await post('{"type":"GET_METRICS"}', json)).status).toBe(400)
    expect((await post('{}', { 'content-type': 'text/plain' })).status).toBe(415)
    expect((await post('{"type":"GET_AGENT"}', { ...json, accept: 'application/recordio' })).status).toBe(406)
    expect(
      (await post('{"type":"GET_AGENT"}', { ...json, 'message-content-type': 'application/json' })).status,
    ).toBe(415)
    expect((await post('{"type":"PRUNE_IMAGES"}', json)).status).toBe(501)
  })
})

describe('older endpoints', () => {
  test('answer with and without /slave(1), with and without a slash at the end', async () => {
    for (const path of ['/state', '/slave(1)/state', '/slave%281%29/state/']) {
      // biome-ignore lint/suspicious/noExplicitAny: answers are looked into at will
      const state: any = await (await fetch(url(path))).json()
      expect(state).toMatchObject({
        id: 'm-S1',
        pid: `slave(1)@127.0.0.1:${world.agent.port}`,
        resources: { cpus: 4, gpus: 0, mem: 4096, disk: 10240, ports: '[31000-31999]' },
        frameworks: [
          {
            id: 'f',
            executors: [{ id: 'shown', tasks: [{ id: 'shown', executor_id: '', state: 'TASK_RUNNING' }] }],
          },
        ],
      })
      expect(state.frameworks[0].executors[0].directory).toContain(world.workDir)
    }
    expect(await (await fetch(url('/monitor/statistics'))).json()).toMatchObject([
      { executor_id: 'shown', framework_id: 'f', statistics: { cpus_limit: 0.1 } },
    ])
    expect(await (await fetch(url('/containers'))).json()).toMatchObject([{ executor_id: 'shown' }])
    expect(await (await fetch(url('/metrics/snapshot'))).json()).toMatchObject({ 'slave/cpus_used': 0.1 })
    expect((await fetch(url('/health'))).status).toBe(200)
    expect((await fetch(url('/nope'))).status).toBe(404)
    expect(await (await fetch(url('/state?jsonp=cb'))).text()).toMatch(/^cb\(\{.*\}\);$/s)
  })
})

describe('files', () => {
  test('of a sandbox are listed and read, by its real path and by the virtual one', async () => {
    const state = await (await fetch(url('/state'))).json()
    // The answer was looked at above.
    const { directory } = (state as { frameworks: { executors: { directory: string }[] }[] }).frameworks[0]
      ?.executors[0] ?? { directory: '' }
    for (const path of [directory, '/frameworks/f/executors/shown/runs/latest']) {
      const { file_infos } = (await call('LIST_FILES', { list_files: { path } })).list_files
      expect(file_infos.map((file: { path: string }) => file.path)).toEqual([
        `${path}/stderr`,
        `${path}/stdout`,
      ])
      const read = await call('READ_FILE', { read_file: { path: `${path}/stdout`, offset: 1 } })
      expect(read.read_file).toEqual({ size: 6, data: Buffer.from('ello\n').toString('base64') })
      const query = `path=${encodeURIComponent(`${path}/stdout`)}`
      expect(await (await fetch(url(`/files/read?${query}&offset=0&length=3`))).json()).toEqual({
        offset: 0,
        data: 'hel',
      })
      expect(await (await fetch(url(`/files/read?${query}`))).json()).toEqual({ offset: 6, data: '' })
      const download = await fetch(url(`/slave(1)/files/download?${query}`))
      expect(download.headers.get('content-disposition')).toBe('attachment; filename=stdout')
      expect(await download.text()).toBe('hello\n')
      const browsed = await (await fetch(url(`/files/browse?path=${encodeURIComponent(path)}`))).json()
      expect(browsed).toMatchObject([
        { path: `${path}/stderr`, mode: '-rw-r-----' },
        { path: `${path}/stdout`, size: 6 },
      ])
    }
  })

  test('A14: outside of sandboxes there is nothing', async () => {
    for (const path of [
      '/etc/passwd',
      `${world.workDir}/meta/position.json`,
      `${world.workDir}/slaves/../meta/position.json`,
      '/nope',
    ]) {
      expect((await fetch(url(`/files/read?path=${encodeURIComponent(path)}&offset=0`))).status).toBe(404)
    }
    expect((await fetch(url('/files/browse'))).status).toBe(400)
  })
})

function url(path: string): string {
  return `http://127.0.0.1:${world.agent.port}${path}`
}

function post(
  body: string | Uint8Array<ArrayBuffer> | Buffer,
  headers: Record<string, string>,
): Promise<Response> {
  return fetch(url('/api/v1'), {
    method: 'POST',
    headers,
    body: typeof body === 'string' ? body : new Uint8Array(body),
  })
}

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into at will
async function call(type: string, body: object = {}): Promise<any> {
  const response = await post(JSON.stringify({ type, ...body }), { 'content-type': 'application/json' })
  expect(response.status).toBe(200)
  return await response.json()
}
