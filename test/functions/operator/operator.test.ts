// The operator API: order of the checks, what is read, what is done.
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { allocate } from '../../../functions/allocator/handler.ts'
import { operatorCalls } from '../../../functions/operator/calls.ts'
import { decodeMessage, encodeMessage } from '../../../protocol/codec.ts'
import type { MasterCall, MasterCallType } from '../../../protocol/messages.ts'
import { agent, cpusMem, framework } from '../../master/allocator/world.ts'
import { type Office, office, task, textOf } from './asking.ts'

const A = 'cluster-Sa'
const JSON_TYPE = { 'content-type': 'application/json' }

function ask(there: Office, call: MasterCall | string) {
  const body = typeof call === 'string' ? call : JSON.stringify(call)
  return there.request('POST', '/api/v1', { body, headers: JSON_TYPE })
}

describe('the order of the checks', () => {
  test('method, content type, body, validation, Accept', async () => {
    const there = await office()
    const statusOf = async (method: string, body: string, headers: Record<string, string>) =>
      (await there.request(method, '/api/v1', { body, headers })).status
    expect(await statusOf('GET', '', {})).toBe(405)
    expect(await statusOf('POST', '{}', {})).toBe(400)
    expect(await statusOf('POST', '{', { 'content-type': 'text/plain' })).toBe(415)
    expect(await statusOf('POST', '{', JSON_TYPE)).toBe(400)
    expect(await statusOf('POST', '{}', { ...JSON_TYPE, accept: 'text/html' })).toBe(400)
    expect(await statusOf('POST', '{"type":"GET_HEALTH"}', { ...JSON_TYPE, accept: 'text/html' })).toBe(406)
    expect(await statusOf('POST', '{"type":"GET_HEALTH"}', JSON_TYPE)).toBe(200)
  })

  test('C137: a call without its body is 400 and says which is missing', async () => {
    const there = await office()
    for (const [type, row] of Object.entries(operatorCalls)) {
      const answer = await ask(there, { type: type as MasterCallType })
      if (row.body === undefined) continue
      expect([type, answer.status]).toEqual([type, 400])
      expect(textOf(answer)).toBe(`Failed to validate master::Call: Expecting '${row.body}' to be present`)
    }
    expect(textOf(await ask(there, '{"type":"NO_SUCH_CALL"}'))).toContain("Expecting 'type' to be present")
    expect((await ask(there, { type: 'UNKNOWN' })).status).toBe(501)
  })

  test('what is not built is 501 with a sentence', async () => {
    const there = await office()
    const answer = await ask(there, {
      type: 'STOP_MAINTENANCE',
      stop_maintenance: { machines: [] },
    })
    expect(answer.status).toBe(501)
    expect(textOf(answer)).toContain('There is no maintenance schedule')
  })

  test('C10: protobuf in, protobuf out', async () => {
    const there = await office()
    const answer = await there.request('POST', '/master/api/v1/', {
      body: encodeMessage('mesos.v1.master.Call', 'application/x-protobuf', { type: 'GET_VERSION' }),
      headers: { 'content-type': 'application/x-protobuf', accept: 'application/x-protobuf' },
    })
    expect(answer.headers['content-type']).toBe('application/x-protobuf')
    const read = decodeMessage(
      'mesos.v1.master.Response',
      'application/x-protobuf',
      answer.body as Uint8Array,
    )
    expect(read).toMatchObject({
      ok: true,
      message: { get_version: { version_info: { version: '1.12.0' } } },
    })
  })
})

describe('what is read', () => {
  async function busy(): Promise<Office> {
    const there = await office()
    await there.put(
      agent(A, cpusMem(4, 4096), { ledger: { sums: { f: { '*': cpusMem(1, 1024) } } } }),
      agent('cluster-Slost', cpusMem(4, 4096), { ledger: { life: 'unreachable', lossNumber: 1 } }),
      framework('f'),
      framework('gone', { state: 'removed', removedAt: 1 }),
    )
    await there.putTask(
      task('runs', {
        mesos: {
          state: 'TASK_RUNNING',
          statuses: [{ task_id: { value: 'runs' }, state: 'TASK_RUNNING', data: 'AAAA' }],
        },
      }),
    )
    await there.putTask(task('done', { standing: 'finished', mesos: { state: 'TASK_FINISHED' } }))
    const info = { executor_id: { value: 'e' } }
    await there.env.store.commit(
      [
        {
          do: 'put',
          kind: 'executor',
          item: {
            version: 0,
            agentId: A,
            frameworkId: 'f',
            executorId: 'e',
            info,
            role: '*',
            charged: [],
            wanted: 'run',
          },
          when: { name: 'absent' },
        },
      ],
      'executor',
    )
    await allocate(there.env)
    return there
  }

  test('C136: GET_STATE is the union of its four parts', async () => {
    const there = await busy()
    const { get_state } = await there.call({ type: 'GET_STATE' })
    const { get_agents } = await there.call({ type: 'GET_AGENTS' })
    const { get_frameworks } = await there.call({ type: 'GET_FRAMEWORKS' })
    const { get_tasks } = await there.call({ type: 'GET_TASKS' })
    const { get_executors } = await there.call({ type: 'GET_EXECUTORS' })
    expect(get_state).toEqual({ get_agents, get_frameworks, get_tasks, get_executors })
    expect(get_agents?.agents).toHaveLength(1)
    expect(get_frameworks?.frameworks).toHaveLength(1)
    expect(get_frameworks?.completed_frameworks).toHaveLength(1)
    expect(get_executors?.executors).toHaveLength(1)
    expect(get_tasks?.tasks?.map(({ name }) => name)).toEqual(['runs'])
    expect(get_tasks?.completed_tasks?.map(({ name }) => name)).toEqual(['done'])
  })

  test('empty lists are written', async () => {
    const there = await office()
    expect(await there.call({ type: 'GET_TASKS' })).toEqual({
      type: 'GET_TASKS',
      get_tasks: {
        pending_tasks: [],
        tasks: [],
        completed_tasks: [],
        orphan_tasks: [],
        unreachable_tasks: [],
      },
    })
    expect(await there.call({ type: 'GET_OPERATIONS' })).toEqual({
      type: 'GET_OPERATIONS',
      get_operations: {},
    })
  })

  test('agents and frameworks say what is used and what is offered', async () => {
    const there = await busy()
    const { get_agents } = await there.call({ type: 'GET_AGENTS' })
    const [shown] = get_agents?.agents ?? []
    const cpus = (
      list: typeof shown extends undefined ? never : NonNullable<typeof shown>['total_resources'],
    ) => list?.find(({ name }) => name === 'cpus')
    expect(shown).toMatchObject({ active: true, deactivated: false, pid: 'slave(1)@10.0.0.1:5051' })
    expect(cpus(shown?.total_resources)?.scalar?.value).toBe(4)
    expect(cpus(shown?.allocated_resources)).toMatchObject({
      scalar: { value: 1 },
      allocation_info: { role: '*' },
    })
    expect(cpus(shown?.offered_resources)?.scalar?.value).toBe(3)
    const { get_frameworks } = await there.call({ type: 'GET_FRAMEWORKS' })
    expect(get_frameworks?.frameworks?.[0]).toMatchObject({
      active: true,
      connected: true,
      recovered: false,
      offers: [{ agent_id: { value: A }, hostname: `${A}.example` }],
      offer_constraints: {},
    })
  })

  test('data of statuses is not shown', async () => {
    const there = await busy()
    const { get_tasks } = await there.call({ type: 'GET_TASKS' })
    expect(get_tasks?.tasks?.[0]?.statuses).toEqual([{ task_id: { value: 'runs' }, state: 'TASK_RUNNING' }])
  })

  test.each([
    [
      'an unreachable agent',
      { life: 'unreachable' },
      ['PARTITION_AWARE'],
      'unreachable_tasks',
      'TASK_UNREACHABLE',
    ],
    ['an unreachable agent, for the others', { life: 'unreachable' }, [], 'unreachable_tasks', 'TASK_LOST'],
    [
      'an agent that is gone',
      { life: 'gone' },
      ['PARTITION_AWARE'],
      'completed_tasks',
      'TASK_GONE_BY_OPERATOR',
    ],
  ] as const)('no half state: a running task of %s is lost at once', async (_, ledger, can, list, state) => {
    const there = await office()
    await there.put(agent(A, cpusMem(4, 4096), { ledger }), framework('f', { can }))
    await there.putTask(task('t', { mesos: { state: 'TASK_RUNNING' } }))
    const { get_tasks } = await there.call({ type: 'GET_TASKS' })
    expect(get_tasks?.tasks).toEqual([])
    expect(get_tasks?.[list]?.map((each) => each.state)).toEqual([state])
  })

  test('no half state: a removed framework’s task was killed', async () => {
    const there = await office()
    await there.put(
      agent(A, cpusMem(4, 4096)),
      framework('f', { state: 'removed', removedAt: 1, openWork: 'removal' }),
    )
    await there.putTask(task('t', { mesos: { state: 'TASK_RUNNING' } }))
    const { get_tasks } = await there.call({ type: 'GET_TASKS' })
    expect(get_tasks?.completed_tasks?.map(({ state }) => state)).toEqual(['TASK_KILLED'])
  })

  test('roles are those subscribed, used or reserved to, and all above them', async () => {
    const there = await office()
    await there.put(agent(A, cpusMem(4, 4096)), framework('f', { roles: ['eng/web'] }))
    const { get_roles } = await there.call({ type: 'GET_ROLES' })
    expect(get_roles?.roles?.map(({ name, weight }) => [name, weight])).toEqual([
      ['eng', 1],
      ['eng/web', 1],
    ])
  })

  test('health, flags, master, weights, quota, maintenance', async () => {
    const there = await office()
    expect(await there.call({ type: 'GET_HEALTH' })).toMatchObject({ get_health: { healthy: true } })
    const { get_flags } = await there.call({ type: 'GET_FLAGS' })
    expect(get_flags?.flags).toContainEqual({ name: 'offer_timeout', value: '5mins' })
    const { get_master } = await there.call({ type: 'GET_MASTER' })
    expect(get_master).toMatchObject({ master_info: { id: 'cluster' }, start_time: 1_700_000_000 })
    expect(await there.call({ type: 'GET_WEIGHTS' })).toEqual({ type: 'GET_WEIGHTS' })
    expect(await there.call({ type: 'GET_QUOTA' })).toMatchObject({ get_quota: { status: {} } })
  })

  test('the logging level is raised for a while', async () => {
    const there = await office()
    const level = async () => (await there.call({ type: 'GET_LOGGING_LEVEL' })).get_logging_level?.level
    expect(await level()).toBe(0)
    await there.call({
      type: 'SET_LOGGING_LEVEL',
      set_logging_level: { level: 2, duration: { nanoseconds: 1_000_000_000 } },
    })
    expect(await level()).toBe(2)
    there.clock.time += 1_000
    expect(await level()).toBe(0)
  })
})

describe('what is done', () => {
  test('TEARDOWN: the framework is removed and its tasks are ended; unknown and repeated are 400', async () => {
    const there = await office()
    await there.put(agent(A, cpusMem(4, 4096)), framework('f'))
    await there.putTask(task('t', { mesos: { state: 'TASK_RUNNING' } }))
    const call: MasterCall = { type: 'TEARDOWN', teardown: { framework_id: { value: 'f' } } }
    expect((await ask(there, call)).status).toBe(200)
    expect((await there.env.store.get('framework', { frameworkId: 'f' }))?.state).toBe('removed')
    expect((await there.env.store.get('task', { frameworkId: 'f', shard: 0, taskId: 't' }))?.standing).toBe(
      'finished',
    )
    expect((await ask(there, call)).status).toBe(400)
    for (const id of ['nobody', '', 'a/b', 'x'.repeat(3000)]) {
      const odd = await ask(there, { type: 'TEARDOWN', teardown: { framework_id: { value: id } } })
      expect(odd.status).toBe(400)
    }
  })

  test('C71: DEACTIVATE_AGENT rescinds, REACTIVATE_AGENT brings offers back', async () => {
    const there = await office()
    await there.put(agent(A, cpusMem(4, 4096)), framework('f'))
    await allocate(there.env)
    const agent_id = { value: A }
    expect((await ask(there, { type: 'REACTIVATE_AGENT', reactivate_agent: { agent_id } })).status).toBe(400)
    expect((await ask(there, { type: 'DEACTIVATE_AGENT', deactivate_agent: { agent_id } })).status).toBe(200)
    expect((await there.mail('f')).map(({ body }) => body.kind)).toEqual(['withdrawn'])
    await allocate(there.env)
    expect((await there.ledger(A)).offers).toEqual({})
    expect((await ask(there, { type: 'REACTIVATE_AGENT', reactivate_agent: { agent_id } })).status).toBe(200)
    await allocate(there.env)
    expect(Object.keys((await there.ledger(A)).offers)).toHaveLength(1)
    const nobody = { agent_id: { value: 'nobody' } }
    expect((await ask(there, { type: 'DEACTIVATE_AGENT', deactivate_agent: nobody })).status).toBe(400)
  })

  test('S14: MARK_AGENT_GONE of known, repeated and unknown agents', async () => {
    const there = await office()
    await there.put(agent(A, cpusMem(4, 4096)), framework('f', { can: ['PARTITION_AWARE'] }))
    const gone = (value: string) =>
      ask(there, { type: 'MARK_AGENT_GONE', mark_agent_gone: { agent_id: { value } } })
    expect((await gone(A)).status).toBe(200)
    expect((await there.ledger(A)).life).toBe('gone')
    expect((await gone(A)).status).toBe(200)
    expect((await gone('nobody')).status).toBe(404)
  })
})

describe('files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'meseta-operator-'))
  const logFile = join(folder, 'control-plane.log')
  const content = Array.from({ length: 9000 }, (_, index) => `line ${index}\n`).join('')
  writeFileSync(logFile, content)

  test('LIST_FILES and READ_FILE of the log', async () => {
    const there = await office({ logFile })
    const { list_files } = await there.call({ type: 'LIST_FILES', list_files: { path: '/master' } })
    expect(list_files?.file_infos).toMatchObject([{ path: '/master/log', size: content.length }])
    const read = await there.call({
      type: 'READ_FILE',
      read_file: { path: '/master/log', offset: 5, length: 6 },
    })
    expect(read.read_file).toEqual({
      size: content.length,
      data: Buffer.from(content.slice(5, 11)).toString('base64'),
    })
    const most = await there.call({ type: 'READ_FILE', read_file: { path: '/master/log', offset: 0 } })
    expect(Buffer.from(most.read_file?.data ?? '', 'base64')).toHaveLength(65_536)
    const beyond = await there.call({ type: 'READ_FILE', read_file: { path: '/master/log', offset: 1e9 } })
    expect(beyond.read_file).toMatchObject({ data: '' })
  })

  test('A14: nothing but what is attached can be reached', async () => {
    const there = await office({ logFile })
    for (const path of [
      '/etc/passwd',
      '/master/log/../../etc/passwd',
      '/master/../etc',
      logFile,
      '..',
      '\0',
    ]) {
      expect((await ask(there, { type: 'READ_FILE', read_file: { path, offset: 0 } })).status).toBe(404)
      expect((await ask(there, { type: 'LIST_FILES', list_files: { path } })).status).toBe(404)
    }
    expect((await ask(there, { type: 'READ_FILE', read_file: { path: '/master', offset: 0 } })).status).toBe(
      400,
    )
    expect(
      (await ask(there, { type: 'READ_FILE', read_file: { path: '/master/log', offset: -1 } })).status,
    ).toBe(400)
  })

  test('C146: /files/read without offset says the size', async () => {
    const there = await office({ logFile })
    expect(await there.get('/files/read?path=/master/log')).toEqual({ offset: content.length, data: '' })
    expect(await there.get('/files/read?path=/master/log&offset=0&length=7')).toEqual({
      offset: 0,
      data: 'line 0\n',
    })
    expect((await there.request('GET', '/files/read')).status).toBe(400)
    expect((await there.request('GET', '/files/read?path=/no')).status).toBe(404)
    expect(await there.get('/files/browse?path=/master')).toMatchObject([
      { path: '/master/log', size: content.length },
    ])
    expect((await there.request('GET', '/files/browse')).status).toBe(400)
    expect(await there.get('/files/debug')).toEqual({ '/master/log': logFile })
  })

  test('/files/download sends the whole file', async () => {
    const there = await office({ logFile })
    const { headers, body } = await there.request('GET', '/files/download?path=/master/log')
    expect(headers['content-disposition']).toBe('attachment; filename=log')
    let got = ''
    if (typeof body === 'object' && 'open' in body) {
      await body.open(async (part) => {
        got += Buffer.from(part).toString()
        return true
      }, new AbortController().signal)
    }
    expect(got).toBe(content)
  })
})

describe('POST /api/v1/meseta', () => {
  const meseta = async (there: Office, call: unknown) => {
    const answer = await there.request('POST', '/api/v1/meseta', {
      body: JSON.stringify(call),
      headers: JSON_TYPE,
    })
    return { status: answer.status, text: textOf(answer) }
  }

  test('F68: dead letters are listed, shown and sent again', async () => {
    const there = await office()
    const letter = {
      id: 'm1',
      queue: 'allocate',
      body: '{"odd":1}',
      sentAt: 1_000,
      receiveCount: 5,
      parkedAt: 2_000,
    }
    await there.queues.sendTo('dead-letters', JSON.stringify(letter))
    const listed = JSON.parse((await meseta(there, { type: 'LIST_DEAD_LETTERS' })).text)
    expect(listed.dead_letters).toEqual([
      {
        id: 'm1',
        queue: 'allocate',
        sent_at: '1970-01-01T00:00:01.000Z',
        parked_at: '1970-01-01T00:00:02.000Z',
        receives: 5,
      },
    ])
    const shown = JSON.parse(
      (await meseta(there, { type: 'SHOW_DEAD_LETTER', show_dead_letter: { id: 'm1' } })).text,
    )
    expect(shown.dead_letter.body).toBe('{"odd":1}')
    const sent = await meseta(there, { type: 'REDRIVE_DEAD_LETTERS', redrive_dead_letters: { id: 'm1' } })
    expect(JSON.parse(sent.text).redriven).toBe(1)
    expect((await there.queues.receive('allocate', { waitMs: 0 })).map(({ body }) => body)).toEqual([
      '{"odd":1}',
    ])
    expect((await meseta(there, { type: 'SHOW_DEAD_LETTER', show_dead_letter: { id: 'm1' } })).status).toBe(
      404,
    )
  })

  test('an operator’s KILL_TASK stops the task; of none it is 404', async () => {
    const there = await office()
    await there.put(agent(A, cpusMem(4, 4096)), framework('f'))
    const call = { type: 'KILL_TASK', kill_task: { framework_id: { value: 'f' }, task_id: { value: 't' } } }
    expect((await meseta(there, call)).status).toBe(404)
    await there.putTask(task('t', { mesos: { state: 'TASK_RUNNING' } }))
    const wanted = {
      version: 0,
      agentId: A,
      frameworkId: 'f',
      taskId: 't',
      wanted: 'run' as const,
      launchIncarnation: 1,
      launchGeneration: 1,
      role: '*',
      kills: 0,
      charged: [],
      acceptId: 'accept',
      answerBy: 0,
      task: { name: 't', task_id: { value: 't' }, agent_id: { value: A } },
    }
    await there.env.store.commit([{ do: 'put', kind: 'run', item: wanted, when: { name: 'absent' } }], 'run')
    expect(await meseta(there, call)).toEqual({ status: 200, text: '{"type":"KILL_TASK"}' })
    const run = await there.env.store.get('run', { agentId: A, frameworkId: 'f', taskId: 't' })
    expect(run).toMatchObject({ wanted: 'stop', kills: 1 })
  })

  test('A11: odd bodies are refused with a sentence', async () => {
    const there = await office()
    for (const body of [
      '',
      '[]',
      'null',
      '{',
      '{}',
      '{"type":5}',
      '{"type":"KILL_TASK","kill_task":7}',
      '{"type":"KILL_TASK"}',
    ]) {
      const answer = await there.request('POST', '/api/v1/meseta', { body, headers: JSON_TYPE })
      expect(answer.status).toBe(400)
    }
    expect((await meseta(there, { type: 'EVENTS' })).status).toBe(400)
    expect((await meseta(there, { type: '__proto__' })).status).toBe(501)
  })
})
