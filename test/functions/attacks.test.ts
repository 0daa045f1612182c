// Attacks that must fail and have no better place: tampered cursors, what answers give away, pins of what we depend on.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { offerConstraintsError } from '../../master/validation/offer-constraints.ts'
import type { OfferOperation } from '../../protocol/messages.ts'
import { all } from '../../store/store.ts'
import { registeredMachine, wantedAt } from '../agent/machine.ts'
import { accepting, stage } from '../scenarios/stage.ts'
import { ROOT } from '../vitest.ts'
import { scalar } from './agents/world.ts'

describe('A8: a forged update of an executor', () => {
  const under = (executorId: string) => ({ executor: { executor_id: { value: executorId } } })

  test('that names the task of another executor makes no update, and the task goes on', () => {
    const machine = registeredMachine()
    machine.nudge(1, [wantedAt('mine', 1, under('e')), wantedAt('theirs', 1, under('g'))])
    const status = {
      state: 'TASK_FINISHED' as const,
      task_id: { value: 'theirs' },
      uuid: 'AAAAAAAAAAAAAAAAAAAAAA==',
    }
    machine.put({ input: 'executor-update', executor: 'f/e', status })
    expect(machine.states('theirs')).toEqual([])
    expect(machine.state.tasks.get('f/theirs')?.stage).toBe('queued')
  })

  test.each([
    ['another framework’s executor', 'other/e', 'mine'],
    ['an executor that is none', 'f/nobody', 'mine'],
    ['a task that is none', 'f/e', 'nothing'],
  ])('of %s makes no update', (_, executor, taskId) => {
    const machine = registeredMachine()
    machine.nudge(1, [wantedAt('mine', 1, under('e'))])
    const status = {
      state: 'TASK_FINISHED' as const,
      task_id: { value: taskId },
      uuid: 'AAAAAAAAAAAAAAAAAAAAAA==',
    }
    machine.put({ input: 'executor-update', executor, status })
    expect(machine.states('mine')).toEqual([])
  })
})

test.each([
  '0:-1',
  '-1:0',
  '99999999999999999999:1',
  '1:99999999999999999999',
  '../AGENT#other',
  'RUN#f/t',
  '1:1:1',
  '__proto__',
  '\u0000',
])(
  'A24: the cursor %j of an agent’s list shows nothing of other agents, and no list that is not its own',
  async (after) => {
    const on = await stage()
    await on.agent.launch(on.framework, ['mine'])
    const other = await on.w.agent()
    await other.launch(on.framework, ['theirs'])
    const answer = await on.agent.sync(after)
    if (answer.kind !== 'wanted') return expect.fail(answer.kind)
    for (const { taskId } of answer.tasks) expect(taskId).toBe('mine')
  },
)

test('A25: a task of another framework is answered as one that does not exist', async () => {
  const on = await stage()
  const stranger = await on.w.framework({ name: 'stranger' })
  await on.agent.launch(stranger, ['theirs'])
  const before = await on.agent.task(stranger, 'theirs')
  const said = []
  for (const taskId of ['theirs', 'nothing']) {
    const task = { task_id: { value: taskId }, agent_id: { value: on.agent.id } }
    const statuses = [
      await on.call({ type: 'KILL', kill: task }),
      await on.call({ type: 'RECONCILE', reconcile: { tasks: [task] } }),
      await on.call({ type: 'ACKNOWLEDGE', acknowledge: { ...task, uuid: 'AAAAAAAAAAAAAAAAAAAAAA==' } }),
    ]
    await on.look()
    said.push({ statuses, states: on.said(taskId) })
  }
  expect(said[0]).toEqual(said[1])
  expect(await on.agent.task(stranger, 'theirs')).toEqual(before)
})

test.each(['(a+)+$', '(', '.*'.repeat(2_000)])(
  'A28: the regular expression %o is refused, not run',
  (regex) => {
    const info = { user: 'u', name: 'n', roles: ['a'], capabilities: [{ type: 'MULTI_ROLE' as const }] }
    const predicates = [{ text_matches: { regex } }, { text_not_matches: { regex } }]
    for (const predicate of predicates) {
      const constraint = { selector: { attribute_name: 'x' }, predicate }
      const role_constraints = { a: { groups: [{ attribute_constraints: [constraint] }] } }
      expect(offerConstraintsError(info, { role_constraints })).toContain('not supported')
    }
  },
)

describe('A29: what we depend on', () => {
  const read = (file: string) => JSON.parse(readFileSync(join(ROOT, file), 'utf8'))

  test('is pinned to one version', () => {
    const { dependencies, devDependencies, optionalDependencies } = read('package.json')
    const wanted = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })
    expect(wanted.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(String(version)))).toEqual([])
  })

  const REGISTRY = 'https://registry.npmjs.org/'

  // npm writes no checksum of the lint tool for platforms that it did not install; on those it comes by version alone.
  test('comes from the registry, with the checksum of the lock file', () => {
    const packages = Object.entries(
      read('package-lock.json').packages as Record<
        string,
        { resolved?: string; integrity?: string; inBundle?: boolean }
      >,
    )
    const loose = packages.filter(
      ([path, { resolved, integrity, inBundle }]) =>
        path !== '' &&
        !path.startsWith('node_modules/@biomejs/cli-') &&
        inBundle !== true &&
        (!(resolved ?? REGISTRY).startsWith(REGISTRY) || !integrity?.startsWith('sha512-')),
    )
    expect(loose.map(([path]) => path)).toEqual([])
  })
})

test('S10: an ACCEPT that would reserve or make volumes changes no total and takes no resources with it', async () => {
  const on = await stage()
  const before = await on.agent.ledger()
  const resources = [scalar('cpus', 1)]
  const operations: OfferOperation[] = [
    { type: 'RESERVE', reserve: { resources } },
    { type: 'UNRESERVE', unreserve: { resources } },
    { type: 'CREATE', create: { volumes: resources } },
    { type: 'DESTROY', destroy: { volumes: resources } },
  ]
  const call = await accepting(on, [])
  const accept = { ...call.accept, offer_ids: call.accept?.offer_ids ?? [], operations }
  expect(await on.call({ ...call, accept })).toBe(202)
  const after = await on.agent.ledger()
  expect([after.total, after.sums, after.offers]).toEqual([before.total, before.sums, {}])
  expect((await all(on.w.store, 'agent', { agentId: on.agent.id })).map(({ kind }) => kind)).toEqual([
    'ledger',
  ])
  await on.w.check()
})
