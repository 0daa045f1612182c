// What a framework may: its roles, and the users its tasks and executors would run as.
import { describe, expect, test } from 'vitest'
import { type Acls, parseAcls } from '../../../master/authorization/acls.ts'
import { launchRefusal, registrationRefusal } from '../../../master/authorization/frameworks.ts'
import { accept } from '../../../master/calls/accept.ts'
import { hold, piece } from '../../../master/calls/accept-hold.ts'
import { isLarge } from '../../../master/calls/accept-units.ts'
import { admit } from '../../../master/calls/admit.ts'
import { subscribe } from '../../../master/calls/subscribe.ts'
import { updateFramework } from '../../../master/calls/update-framework.ts'
import type { ExecutorInfo, FrameworkInfo, TaskInfo } from '../../../protocol/messages.ts'
import {
  acceptOf,
  launch,
  launchGroup,
  loadedFor,
  newContext,
  newExecutorInfo,
  newFramework,
  newLedger,
  newTaskInfo,
  puts,
  withOffer,
  wordsOf,
} from '../calls/world.ts'

function acls(value: object): Acls {
  const read = parseAcls(JSON.stringify(value))
  if (!read.ok) throw new Error(read.error)
  return read.acls
}

const ANY = { type: 'ANY' }
const NONE = { type: 'NONE' }
const some = (...values: string[]) => ({ values })

const RULES = acls({
  register_frameworks: [
    { principals: some('alice'), roles: some('dev', 'ops') },
    { principals: ANY, roles: NONE },
  ],
  run_tasks: [
    { principals: some('alice'), users: some('nobody', 'alice') },
    { principals: ANY, users: NONE },
  ],
})

const context = { ...newContext(), settings: { ...newContext().settings, acls: RULES } }

describe('A4: roles', () => {
  const info = (principal: string | undefined, more: Partial<FrameworkInfo>): FrameworkInfo => ({
    user: 'nobody',
    name: 'f',
    ...(principal === undefined ? {} : { principal }),
    ...more,
  })
  const multi = (...roles: string[]) => ({ roles, capabilities: [{ type: 'MULTI_ROLE' as const }] })

  test.each<[string | undefined, Partial<FrameworkInfo>, string | undefined]>([
    ['alice', { role: 'dev' }, undefined],
    ['alice', { role: 'web' }, "Not authorized to use role 'web'"],
    ['alice', {}, "Not authorized to use role '*'"],
    ['alice', multi('dev', 'ops'), undefined],
    ['alice', multi('dev', 'web'), "Not authorized to use role 'web'"],
    ['mallory', { role: 'dev' }, "Not authorized to use role 'dev'"],
    [undefined, { role: 'dev' }, "Not authorized to use role 'dev'"],
  ])('%s with %j: %s', (principal, more, refusal) => {
    expect(registrationRefusal(RULES, info(principal, more))).toBe(refusal)
    expect(registrationRefusal(undefined, info(principal, more))).toBeUndefined()
  })

  test('SUBSCRIBE is an ERROR, and nothing is written', () => {
    const call = { framework_info: info(undefined, { role: 'web' }) }
    const decision = subscribe({}, call, { ...context, principal: 'alice', streamId: 's' })
    expect(decision.answer).toEqual({ kind: 'error', message: "Not authorized to use role 'web'" })
    expect(decision.changes).toEqual([])
    const good = subscribe(
      {},
      { framework_info: info(undefined, { role: 'dev' }) },
      {
        ...context,
        principal: 'alice',
        streamId: 's',
      },
    )
    expect(good.answer.kind).toBe('subscribed')
  })

  test('UPDATE_FRAMEWORK is 403, behind what is 400', () => {
    const framework = newFramework({ principal: 'alice', info: { principal: 'alice' } })
    const update = (more: Partial<FrameworkInfo>) =>
      updateFramework({ framework }, { framework_info: { ...framework.info, ...more } }, context)
    expect(update({ roles: ['dev'] }).answer.status).toBe(200)
    expect(update({ roles: ['dev', 'web'] })).toMatchObject({
      changes: [],
      answer: { status: 403, text: "Not authorized to use role 'web'" },
    })
    expect(update({ roles: ['dev', 'web'], user: 'root' }).answer.status).toBe(400)
  })

  test('A26: a right that was taken away ends the calls of a session', () => {
    const framework = newFramework({ principal: 'alice', info: { principal: 'alice', roles: ['web'] } })
    const caller = { principal: 'alice', streamId: 'stream-1' }
    expect(admit(framework, caller)).toBe('admitted')
    expect(admit(framework, { ...caller, acls: RULES })).toMatchObject({ status: 403 })
    // What comes before in the contract comes before here.
    expect(admit(framework, { ...caller, streamId: 'other', acls: RULES })).toMatchObject({ status: 400 })
  })
})

describe('A4: users', () => {
  const info: FrameworkInfo = { user: 'nobody', name: 'f', principal: 'alice' }
  const task = (user?: string): TaskInfo =>
    newTaskInfo('t', { command: { value: 'x', ...(user ? { user } : {}) } })
  const executor = (user?: string): ExecutorInfo => newExecutorInfo('e', { command: user ? { user } : {} })
  const bare: TaskInfo = { name: 't', task_id: { value: 't' }, agent_id: { value: 'a' } }
  const AS_ROOT = "Not authorized to launch as user 'root'"

  test.each<[string, FrameworkInfo, readonly TaskInfo[], ExecutorInfo | undefined, string | undefined]>([
    ['the framework’s', info, [task()], undefined, undefined],
    ['the command’s', info, [task('root')], undefined, AS_ROOT],
    [
      'an allowed command’s of a root framework',
      { ...info, user: 'root' },
      [task('alice')],
      undefined,
      undefined,
    ],
    ['a root framework’s', { ...info, user: 'root' }, [task()], undefined, AS_ROOT],
    ['the executor’s', info, [bare], executor('root'), AS_ROOT],
    ['an allowed executor’s', info, [bare], executor('alice'), undefined],
    ['the executor’s of a group', info, [task('alice')], executor('root'), AS_ROOT],
    ['one task’s of a group', info, [task('alice'), task('root')], executor(), AS_ROOT],
    ['an empty one’s, which is the agent’s', { ...info, user: '' }, [task()], undefined, AS_ROOT],
    [
      'without a principal',
      { user: 'nobody', name: 'f' },
      [task()],
      undefined,
      "Not authorized to launch as user 'nobody'",
    ],
  ])('%s', (_, framework, tasks, of, refusal) => {
    expect(launchRefusal(RULES, framework, tasks, of)).toBe(refusal)
    expect(launchRefusal(undefined, framework, tasks, of)).toBeUndefined()
  })

  test('A4: where only root is refused, nobody gets around it by naming no user', () => {
    const notRoot = acls({ permissive: true, run_tasks: [{ principals: NONE, users: some('root') }] })
    const command = (user: string) => newTaskInfo('t', { command: { value: 'x', user } })
    for (const [of, one] of [
      [info, command('')],
      [{ ...info, user: '' }, task()],
      [{ ...info, user: '' }, command('')],
    ] as const)
      expect(launchRefusal(notRoot, of, [one], undefined)).toBe(AS_ROOT)
    expect(launchRefusal(notRoot, info, [task()], undefined)).toBeUndefined()
  })

  const framework = newFramework({ principal: 'alice', info: { principal: 'alice' } })
  const { ledger, offerId } = withOffer(newLedger(), framework)

  test('A4: LAUNCH judges each task alone: TASK_ERROR and REASON_TASK_UNAUTHORIZED', () => {
    const call = acceptOf(
      [offerId],
      launch(newTaskInfo('good'), newTaskInfo('bad', { command: { user: 'root' } })),
    )
    const decision = accept(loadedFor(framework, ledger), call, context)
    expect(puts(decision, 'task').map(({ taskId }) => taskId)).toEqual(['good'])
    expect(wordsOf(decision)).toMatchObject([
      {
        task_id: { value: 'bad' },
        state: 'TASK_ERROR',
        reason: 'REASON_TASK_UNAUTHORIZED',
        message: AS_ROOT,
      },
    ])
  })

  test('A4: LAUNCH_GROUP all or nothing: REASON_TASK_GROUP_UNAUTHORIZED for every task', () => {
    const group = launchGroup(
      newExecutorInfo('e', { type: 'DEFAULT' }),
      newTaskInfo('one'),
      newTaskInfo('two', { command: { user: 'root' } }),
    )
    const decision = accept(loadedFor(framework, ledger), acceptOf([offerId], group), context)
    expect(puts(decision, 'task')).toEqual([])
    expect(puts(decision, 'executor')).toEqual([])
    const reason = 'REASON_TASK_GROUP_UNAUTHORIZED'
    expect(wordsOf(decision)).toMatchObject([
      { task_id: { value: 'one' }, state: 'TASK_ERROR', reason },
      { task_id: { value: 'two' }, state: 'TASK_ERROR', reason },
    ])
  })

  test('A4: in an ACCEPT in pieces as well', () => {
    const tasks = Array.from({ length: 120 }, (_, index) =>
      newTaskInfo(`t${index}`, { command: { user: index === 0 ? 'root' : 'alice' } }),
    )
    const call = acceptOf([offerId], launch(...tasks))
    expect(isLarge(call)).toBe(true)
    const held = hold(loadedFor(framework, ledger), call, context)
    const [after] = puts(held, 'ledger')
    const [item] = puts(held, 'hold')
    if (after === undefined) throw new Error('no hold')
    const { tasks: known, ...loaded } = loadedFor(framework, after)
    const first = piece({ ...loaded, ledger: after, hold: item, tasks: known }, call, 0, context)
    expect(wordsOf(first).filter(({ reason }) => reason === 'REASON_TASK_UNAUTHORIZED')).toHaveLength(1)
    expect(puts(first, 'task').map(({ taskId }) => taskId)).not.toContain('t0')
  })
})
