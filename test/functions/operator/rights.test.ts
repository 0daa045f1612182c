// Rights at the doors of operators: each action allowed and denied, lists that are shorter, a stream that says less.
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { basicAuthentication } from '../../../functions/http/authentication.ts'
import { operatorCalls } from '../../../functions/operator/calls.ts'
import { RIGHTS } from '../../../functions/operator/rights.ts'
import type { MasterCall } from '../../../protocol/messages.ts'
import { agent, cpusMem, framework, reserved } from '../../master/allocator/world.ts'
import { aclsOf, listen, type Office, office, task, textOf } from './asking.ts'

const A = 'cluster-Sa'
const SECRETS = new Map([
  ['ops', 'o'],
  ['dev', 'd'],
])
const guard = basicAuthentication(SECRETS, 'mesos-master-readwrite')
const as = (principal: string) => ({
  'content-type': 'application/json',
  authorization: `Basic ${Buffer.from(`${principal}:${SECRETS.get(principal)}`).toString('base64')}`,
})

const ANY = { type: 'ANY' }
const NONE = { type: 'NONE' }
const OPS = { values: ['ops'] }

async function guarded(acls: object): Promise<Office> {
  const logFile = join(mkdtempSync(join(tmpdir(), 'meseta-rights-')), 'log')
  writeFileSync(logFile, 'a line\n')
  const there = await office({ logFile, acls, readonly: guard, readwrite: guard })
  const total = [...cpusMem(4, 4096), ...reserved(cpusMem(1, 128), 'secret')]
  const made = agent(A, total)
  const of = (id: string, user: string, principal: string, role: string) => {
    const plain = framework(id, { roles: [role] })
    return { ...plain, principal, info: { ...plain.info, user, principal } }
  }
  await there.put(
    { ...made, entry: { ...made.entry, info: { ...made.entry.info, resources: total } } },
    of('f', 'root', 'ops', 'secret'),
    of('g', 'nobody', 'dev', 'web'),
  )
  await there.putTask(task('hidden', { frameworkId: 'f', mesos: { user: 'root' } }))
  await there.putTask(task('shown', { frameworkId: 'g', mesos: { user: 'nobody' } }))
  await there.putTask(task('as-root', { frameworkId: 'g', mesos: { user: 'root' } }))
  return there
}

const call = (there: Office, principal: string, body: MasterCall | object, path = '/api/v1') =>
  there.request('POST', path, { body: JSON.stringify(body), headers: as(principal) })

const get = (there: Office, principal: string, path: string) =>
  there.request('GET', path, { headers: as(principal) })

/** Only ops may; everybody else is refused. */
const only = (action: string, objects: string) => ({
  [action]: [
    { principals: OPS, [objects]: ANY },
    { principals: ANY, [objects]: NONE },
  ],
})

const agent_id = { value: A }

describe('each action, by one who may and one who may not', () => {
  test.each<[string, object, MasterCall]>([
    [
      'mark_agents_gone',
      only('mark_agents_gone', 'agents'),
      { type: 'MARK_AGENT_GONE', mark_agent_gone: { agent_id } },
    ],
    ['drain_agents', only('drain_agents', 'agents'), { type: 'DRAIN_AGENT', drain_agent: { agent_id } }],
    [
      'deactivate_agents',
      only('deactivate_agents', 'agents'),
      { type: 'DEACTIVATE_AGENT', deactivate_agent: { agent_id } },
    ],
    [
      'reactivate_agents',
      only('reactivate_agents', 'agents'),
      { type: 'REACTIVATE_AGENT', reactivate_agent: { agent_id } },
    ],
    [
      'teardown_frameworks',
      only('teardown_frameworks', 'framework_principals'),
      { type: 'TEARDOWN', teardown: { framework_id: { value: 'f' } } },
    ],
    ['view_flags', only('view_flags', 'flags'), { type: 'GET_FLAGS' }],
    [
      'set_log_level',
      only('set_log_level', 'level'),
      { type: 'SET_LOGGING_LEVEL', set_logging_level: { level: 1, duration: { nanoseconds: 1e9 } } },
    ],
    [
      'access_mesos_logs',
      only('access_mesos_logs', 'logs'),
      { type: 'LIST_FILES', list_files: { path: '/master' } },
    ],
    [
      'access_mesos_logs of a file',
      only('access_mesos_logs', 'logs'),
      { type: 'READ_FILE', read_file: { path: '/master/log', offset: 0 } },
    ],
    ['get_endpoints', only('get_endpoints', 'paths'), { type: 'GET_METRICS', get_metrics: {} }],
  ])('%s', async (_, acls, body) => {
    const there = await guarded(acls)
    const before = await there.ledger(A)
    const refused = await call(there, 'dev', body)
    expect([refused.status, textOf(refused)]).toEqual([403, 'Not authorized to do this'])
    expect(await there.ledger(A)).toEqual(before)
    expect((await there.env.store.get('framework', { frameworkId: 'f' }))?.state).not.toBe('removed')
    expect((await call(there, 'ops', body)).status).not.toBe(403)
  })

  test.each([
    ['/flags', only('view_flags', 'flags')],
    ['/files/browse?path=/master', only('access_mesos_logs', 'logs')],
    ['/files/read?path=/master/log&offset=0', only('access_mesos_logs', 'logs')],
    ['/files/download?path=/master/log', only('access_mesos_logs', 'logs')],
    ['/files/debug', only('get_endpoints', 'paths')],
    ['/metrics/snapshot', only('get_endpoints', 'paths')],
  ])('GET %s', async (path, acls) => {
    const there = await guarded(acls)
    expect((await get(there, 'dev', path)).status).toBe(403)
    expect((await get(there, 'ops', path)).status).toBe(200)
  })

  test('POST /teardown as TEARDOWN', async () => {
    const there = await guarded(only('teardown_frameworks', 'framework_principals'))
    const form = (principal: string) =>
      there.request('POST', '/teardown', { body: 'frameworkId=f', headers: as(principal) })
    expect((await form('dev')).status).toBe(403)
    expect((await form('ops')).status).toBe(200)
  })

  test.each(['LIST_DEAD_LETTERS', 'SHOW_DEAD_LETTER', 'REDRIVE_DEAD_LETTERS', 'RESTORED'])(
    'call_meseta: %s',
    async (type) => {
      const there = await guarded(only('call_meseta', 'calls'))
      expect((await call(there, 'dev', { type }, '/api/v1/meseta')).status).toBe(403)
      expect((await call(there, 'ops', { type }, '/api/v1/meseta')).status).not.toBe(403)
    },
  )

  test('KILL_TASK is for whoever may end the framework', async () => {
    const there = await guarded(only('teardown_frameworks', 'framework_principals'))
    const kill = (principal: string, id = 'hidden') => {
      const kill_task = { framework_id: { value: 'f' }, task_id: { value: id } }
      return call(there, principal, { type: 'KILL_TASK', kill_task }, '/api/v1/meseta')
    }
    expect((await kill('dev')).status).toBe(403)
    expect((await kill('ops')).status).toBe(200)
    expect((await kill('ops', 'nowhere')).status).toBe(404)
  })
})

test('every call of the operator API has a right, and every right that is asked for is refused to one without', async () => {
  expect(Object.keys(RIGHTS).sort()).toEqual(Object.keys(operatorCalls).sort())
  const there = await guarded({ permissive: false })
  for (const [type, right] of Object.entries(RIGHTS)) {
    if (right === 'open' || right === 'seen') continue
    const { body } = operatorCalls[type as keyof typeof operatorCalls]
    const empty = {
      framework_id: { value: 'f' },
      agent_id,
      path: 'x',
      offset: 0,
      level: 1,
      duration: { nanoseconds: 1 },
    }
    const { status } = await call(there, 'ops', { type, ...(body === undefined ? {} : { [body]: empty }) })
    expect([type, status]).toEqual([type, 403])
  }
})

describe('A25: who may not learns nothing', () => {
  test('of frameworks: one that is not there and one of another principal are answered alike', async () => {
    const there = await guarded({
      permissive: false,
      teardown_frameworks: [{ principals: { values: ['dev'] }, framework_principals: { values: ['dev'] } }],
    })
    const teardown = async (value: string) => {
      const answer = await call(there, 'dev', { type: 'TEARDOWN', teardown: { framework_id: { value } } })
      return [answer.status, textOf(answer)]
    }
    expect(await teardown('f')).toEqual(await teardown('nowhere'))
    expect((await teardown('g'))[0]).toBe(200)
  })

  test('of files: what is there and what is not', async () => {
    const there = await guarded(only('access_mesos_logs', 'logs'))
    const read = async (path: string) => (await get(there, 'dev', `/files/read?path=${path}&offset=0`)).status
    expect([await read('/master/log'), await read('/master/nothing')]).toEqual([403, 403])
  })
})

const SIGHT = {
  view_frameworks: [
    { principals: OPS, users: ANY },
    { principals: ANY, users: { values: ['nobody'] } },
    { principals: ANY, users: NONE },
  ],
  view_tasks: [
    { principals: OPS, users: ANY },
    { principals: ANY, users: { values: ['nobody'] } },
    { principals: ANY, users: NONE },
  ],
  view_roles: [
    { principals: OPS, roles: ANY },
    { principals: ANY, roles: { values: ['web'] } },
    { principals: ANY, roles: NONE },
  ],
  view_flags: [
    { principals: OPS, flags: ANY },
    { principals: ANY, flags: NONE },
  ],
}

describe('what is seen is filtered and never refused', () => {
  test.each<[MasterCall['type'] | string, string, readonly string[], readonly string[]]>([
    ['GET_FRAMEWORKS', '', ['"f"', '"g"'], ['"g"']],
    ['GET_TASKS', '', ['hidden', 'shown', 'as-root'], ['shown']],
    ['GET_STATE', '', ['hidden', 'shown', 'as-root', '"f"'], ['shown', '"g"']],
    ['GET_ROLES', '', ['secret', 'web'], ['web']],
    ['GET_AGENTS', '', ['secret'], []],
    ['', '/state', ['hidden', 'shown', 'as-root', 'secret', 'min_allocatable_resources'], ['shown']],
    ['', '/state-summary', ['"f"', '"g"'], ['"g"']],
    ['', '/frameworks', ['hidden', 'shown', 'as-root'], ['shown']],
    ['', '/tasks', ['hidden', 'shown', 'as-root'], ['shown']],
    ['', '/roles', ['secret', 'web'], ['web']],
    ['', '/slaves', ['secret'], []],
  ])('%s%s', async (type, path, all, few) => {
    const there = await guarded(SIGHT)
    const ask = async (principal: string) => {
      const answer = type === '' ? await get(there, principal, path) : await call(there, principal, { type })
      expect(answer.status).toBe(200)
      return textOf(answer)
    }
    const ops = await ask('ops')
    const dev = await ask('dev')
    for (const word of all) expect(ops).toContain(word)
    for (const word of few) expect(dev).toContain(word)
    for (const word of all.filter((one) => !few.includes(one))) expect(dev).not.toContain(word)
  })

  test('without credentials, where only looking is open, one is nobody', async () => {
    const there = await office({ acls: SIGHT, readwrite: guard })
    const made = framework('f')
    await there.put({ ...made, info: { ...made.info, user: 'root' } })
    expect((await there.get('/frameworks')).frameworks).toEqual([])
  })

  test('A26: an event stream says what its listener sees, and less from the look on at which it lost a right', async () => {
    const acls = { ...aclsOf(SIGHT) }
    const there = await guarded(SIGHT)
    Object.assign(there.env.settings, { acls })
    const streams = new Map(
      await Promise.all(
        ['ops', 'dev'].map(
          async (who) => [who, listen(await call(there, who, { type: 'SUBSCRIBE' }))] as const,
        ),
      ),
    )
    const of = (who: string) => streams.get(who) as ReturnType<typeof listen>
    const heard = (who: string) => JSON.stringify(of(who).events)
    for (const who of ['ops', 'dev'])
      await of(who).until((events) => events.some(({ type }) => type === 'SUBSCRIBED'))
    expect(heard('ops')).toContain('hidden')
    expect(heard('dev')).not.toContain('hidden')
    await there.putTask(task('more-hidden', { frameworkId: 'f', mesos: { user: 'root' } }))
    await there.putTask(task('more-shown', { frameworkId: 'g', mesos: { user: 'nobody' } }))
    await of('ops').until(() => heard('ops').includes('more-shown') && heard('ops').includes('more-hidden'))
    await of('dev').until(() => heard('dev').includes('more-shown'))
    expect(heard('dev')).not.toContain('more-hidden')

    Object.assign(acls, aclsOf({ permissive: false, ...SIGHT, view_tasks: [] }))
    await there.putTask(task('too-late', { frameworkId: 'g', mesos: { user: 'nobody' } }))
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(heard('ops') + heard('dev')).not.toContain('too-late')
    for (const stream of streams.values()) await stream.close()
  })
})
