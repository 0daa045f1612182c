// Too much of something: what frameworks and executors say of themselves, refusals without end, many against one.
import { describe, expect, test } from 'vitest'
import { allocate } from '../../functions/allocator/handler.ts'
import { MAX_CUSTODY_BYTES, MAX_FRAMEWORK_BYTES, MAX_REFUSALS, MAX_TASK_BYTES } from '../../master/limits.ts'
import type { Resources } from '../../master/model.ts'
import type { ExecutorInfo, FrameworkInfo } from '../../protocol/messages.ts'
import { place } from '../functions/allocator/place.ts'
import { agent, cpusMem, framework } from '../master/allocator/world.ts'
import { taskInfos } from '../scenarios/stage.ts'
import { type Ground, ground, type Session } from './ground.ts'

/** Text that no packing makes smaller. */
function noise(bytes: number): string {
  const { length } = crypto.randomUUID()
  return Array.from({ length: Math.ceil(bytes / length) }, () => crypto.randomUUID())
    .join('')
    .slice(0, bytes)
}

const quickly = async <T>(work: () => Promise<T>): Promise<T> => {
  const begun = performance.now()
  const result = await work()
  // On a machine that does other things as well: the naive ways took minutes.
  expect(performance.now() - begun).toBeLessThan(20_000)
  return result
}

describe('A10: what a framework says of itself', () => {
  const many = (count: number) => Array.from({ length: count }, (_, index) => `r${index}`)
  const MULTI_ROLE = [{ type: 'MULTI_ROLE' as const }]

  test.each<[string, Partial<FrameworkInfo>]>([
    ['three megabytes of labels', { labels: { labels: [{ key: 'k', value: noise(3_000_000) }] } }],
    ['a hundred thousand labels', { labels: { labels: many(100_000).map((key) => ({ key })) } }],
    ['three hundred thousand roles', { roles: many(300_000), capabilities: MULTI_ROLE }],
    ['a name of three megabytes', { name: noise(3_000_000) }],
  ])('%s: one sentence, nothing stored', async (_, info) => {
    const on = await ground()
    const error = await quickly(() => on.subscribed('mallory', info).catch(String))
    expect(error).toContain(`more than ${MAX_FRAMEWORK_BYTES}`)
    expect(on.w.logged.filter((line) => line.startsWith('request failed'))).toEqual([])
    expect((await on.w.store.query('frameworks', {})).found).toEqual([])
  })

  test('roles, suppressed ones and constraints in numbers: answered in time, in calls as well', async () => {
    const on = await ground()
    const roles = many(6_000)
    const session = await on.subscribed('mallory', { roles, capabilities: MULTI_ROLE })
    const asked = Array.from({ length: 300_000 }, (_, index) => `r${index % 6_000}`)
    for (const type of ['SUPPRESS', 'REVIVE', 'SUPPRESS'] as const) {
      const answer = await quickly(() => session.call({ type, [type.toLowerCase()]: { roles: asked } }))
      expect(answer.status).toBe(202)
    }
    const framework_info = { ...(await session.framework()).info, roles: many(5_000) }
    const update_framework = { framework_info, suppressed_roles: asked.filter((role) => role.length < 5) }
    const updated = await quickly(() => session.call({ type: 'UPDATE_FRAMEWORK', update_framework }))
    expect(updated.status).toBe(200)
    const role_constraints = Object.fromEntries(many(5_000).map((role) => [role, { groups: [] }]))
    const refused = await quickly(() =>
      session.call({
        type: 'UPDATE_FRAMEWORK',
        update_framework: { framework_info, offer_constraints: { role_constraints } },
      }),
    )
    expect(refused.status).toBe(400)
  })

  test('changed again and again, it can still be torn down', async () => {
    const on = await ground()
    const session = await on.subscribed('mallory', { roles: ['r'], capabilities: MULTI_ROLE })
    const { info } = await session.framework()
    for (let round = 0; round < 20; round++) {
      const roles = Array.from({ length: 1_500 }, (_, index) => `${round}-${index}-${noise(20)}`)
      const framework_info = { ...info, roles }
      const update = await session.call({ type: 'UPDATE_FRAMEWORK', update_framework: { framework_info } })
      expect(update.status).toBe(200)
    }
    expect(JSON.stringify(await session.framework()).length).toBeLessThan(400_000)
    expect((await session.call({ type: 'TEARDOWN' })).status).toBe(202)
    expect((await session.framework()).state).toBe('removed')
  })

  test('an executor of a group that fits no item is an error of its tasks', async () => {
    const on = await ground()
    const session = await on.subscribed('mallory', { name: 'm' })
    const machine = await on.w.agent()
    const offerId = await machine.offered(await session.framework())
    const executor: ExecutorInfo = {
      executor_id: { value: 'e' },
      type: 'DEFAULT',
      labels: { labels: [{ key: 'k', value: noise(MAX_TASK_BYTES * 2) }] },
      resources: taskInfos(machine, ['t'])[0]?.resources ?? [],
    }
    const operations = [
      {
        type: 'LAUNCH_GROUP' as const,
        launch_group: { executor, task_group: { tasks: taskInfos(machine, ['t']) } },
      },
    ]
    const answer = await session.call({
      type: 'ACCEPT',
      accept: { offer_ids: [{ value: offerId }], operations },
    })
    expect(answer.status).toBe(202)
    const mail = await on.w.mail(session.id)
    expect(mail.flatMap((body) => (body.kind === 'word' ? [body.status.state] : []))).toEqual(['TASK_ERROR'])
    await on.w.check()
  })
})

describe('A10: what an executor sends up', () => {
  async function running(): Promise<Ground & { readonly session: Session; readonly machine: Machine }> {
    const on = await ground()
    const session = await on.subscribed('mallory', { name: 'm' })
    const machine = await on.w.agent()
    await machine.launch(await session.framework(), ['loud', 'quiet'])
    return { ...on, session, machine }
  }

  type Machine = Awaited<ReturnType<Ground['w']['agent']>>

  test.each(['data', 'message', 'labels'])(
    'an update with a huge `%s` is taken in short, and holds up no other task',
    async (field) => {
      const on = await running()
      const report = on.machine.report('loud', 'TASK_RUNNING')
      const huge = noise(2_000_000)
      const more = {
        data: { data: Buffer.from(huge).toString('base64') },
        message: { message: huge },
        labels: { labels: { labels: [{ key: 'k', value: huge }] } },
      }[field]
      const loud = { ...report, status: { ...report.status, ...more } }
      const quiet = on.machine.report('quiet', 'TASK_RUNNING')
      const { id, incarnation, applied } = on.machine
      const call = {
        type: 'UPDATES',
        agentId: id,
        incarnation,
        applied,
        updates: [loud, quiet],
        exits: [],
        messages: [],
      }
      const answer = await on.ask('/api/v1/agent', call)
      expect(JSON.parse(answer.text)).toMatchObject({ results: ['taken', 'taken'] })
      const stored = await on.machine.task(await on.session.framework(), 'loud')
      expect(JSON.stringify(stored).length).toBeLessThan(MAX_CUSTODY_BYTES)
      const [said] = await on.w.mail(on.session.id)
      expect(said).toMatchObject({
        kind: 'update',
        status: { state: 'TASK_RUNNING', uuid: report.status.uuid },
      })
    },
  )

  test('large words in every state fit the item of their task', async () => {
    const on = await running()
    for (const state of ['TASK_STARTING', 'TASK_RUNNING', 'TASK_KILLING', 'TASK_KILLED'] as const) {
      const report = on.machine.report('loud', state)
      const status = { ...report.status, message: noise(MAX_CUSTODY_BYTES - 2_000) }
      expect(await on.machine.updates([{ ...report, status }])).toMatchObject({ results: ['taken'] })
      const [head] = await on.w.mail(on.session.id)
      const uuid = head?.kind === 'update' ? (head.status.uuid ?? '') : ''
      const acknowledge = { agent_id: { value: on.machine.id }, task_id: { value: 'loud' }, uuid }
      await on.session.call({ type: 'ACKNOWLEDGE', acknowledge })
    }
    const stored = await on.machine.task(await on.session.framework(), 'loud')
    expect(JSON.stringify(stored).length).toBeLessThan(MAX_CUSTODY_BYTES)
  })

  test('a message that fits no item is dropped, those behind it are passed on', async () => {
    const on = await running()
    const { id, incarnation, applied } = on.machine
    const messages = [noise(3_000_000), 'AAAA'].map((data) => ({
      frameworkId: on.session.id,
      executorId: 'loud',
      data,
    }))
    const call = { type: 'UPDATES', agentId: id, incarnation, applied, updates: [], exits: [], messages }
    expect((await on.ask('/api/v1/agent', call)).status).toBe(200)
    const mail = await on.w.mail(on.session.id)
    expect(mail).toMatchObject([{ kind: 'notice', event: { type: 'MESSAGE', message: { data: 'AAAA' } } }])
  })
})

describe('A30: one against all', () => {
  test('refusals without end fill no ledger and keep nothing from others', async () => {
    const on = await ground()
    const machine = await on.w.agent()
    const mallory = await on.subscribed('mallory', { name: 'm' })
    const refuse = async (resources: Resources, refuse_seconds: number) => {
      const offerId = await machine.offered(await mallory.framework(), { resources, isSaid: true })
      const decline = { offer_ids: [{ value: offerId }], filters: { refuse_seconds } }
      expect((await mallory.call({ type: 'DECLINE', decline })).status).toBe(202)
    }
    for (let round = 0; round < 200; round++) await refuse(cpusMem(64 - round / 100, 0), 1_000 + round)
    await refuse((await machine.ledger()).total, 1e6)
    const ledger = await machine.ledger()
    expect(ledger.refusals.length).toBeLessThanOrEqual(MAX_REFUSALS)
    const alice = await on.subscribed('alice')
    await allocate(on.w.env)
    const offers = Object.values((await machine.ledger()).offers)
    expect(offers.some(({ frameworkId }) => frameworkId === alice.id)).toBe(true)
  })

  test('a hundred frameworks of one role get no more than the one of another (S12)', async () => {
    const there = place()
    const agents = Array.from({ length: 10 }, (_, index) => `cluster-S${index}`)
    const many = Array.from({ length: 100 }, (_, index) => framework(`m${index}`, { roles: ['many'] }))
    await there.put(
      ...agents.map((id) => agent(id, cpusMem(4, 4096))),
      ...many,
      framework('one', { roles: ['one'] }),
    )
    await allocate(there.env)
    const ledgers = await Promise.all(agents.map((id) => there.ledger(id)))
    const roles = ledgers.flatMap(({ offers }) => Object.values(offers).map(({ role }) => role))
    expect(roles).toHaveLength(10)
    expect(roles.filter((role) => role === 'one')).toHaveLength(5)
  })
})
