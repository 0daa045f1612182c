// A KILL comes while the pieces of a large ACCEPT are still being made: it is never lost (L3), whichever is first.
import { describe, expect, test } from 'vitest'
import type { ExecutorInfo } from '../../protocol/messages.ts'
import { all } from '../../store/store.ts'
import { scalar } from '../functions/agents/world.ts'
import { accepting, dyingBefore, pausedAtPiece, puts, type Stage, stage } from './stage.ts'

const IDS = Array.from({ length: 150 }, (_, index) => `t${index}`)

async function wantedOf(on: Stage, taskId: string) {
  const run = await on.agent.run(on.framework, taskId)
  return run === undefined ? undefined : [run.wanted, run.kills, run.killPolicy]
}

function kill(on: Stage, taskId: string, seconds?: number) {
  const policy =
    seconds === undefined ? {} : { kill_policy: { grace_period: { nanoseconds: seconds * 1_000_000_000 } } }
  const body = { task_id: { value: taskId }, agent_id: { value: on.agent.id }, ...policy }
  return on.call({ type: 'KILL', kill: body })
}

test('kill-during-big-accept: a task that is still to be made comes into being as one that is to stop', async () => {
  const on = await stage()
  const accept = await accepting(on, IDS)
  const paused = pausedAtPiece(on, 3)
  const answer = on.call(accept)
  await paused.reached
  expect(await wantedOf(on, 't149')).toBeUndefined()
  expect(await kill(on, 't149')).toBe(202)
  expect(await kill(on, 't149', 7)).toBe(202)
  paused.release()
  expect(await answer).toBe(202)
  expect(await wantedOf(on, 't149')).toEqual(['stop', 2, { grace_period: { nanoseconds: 7_000_000_000 } }])
  expect(await wantedOf(on, 't148')).toEqual(['run', 0, undefined])
  // The agent hears of it in the words of the piece, and in its list.
  const list = await on.agent.sync()
  const inList = list.kind === 'wanted' ? list.tasks.find(({ taskId }) => taskId === 't149') : undefined
  expect(inList).toMatchObject({ wanted: 'stop', kills: 2 })
  const nudged = (await on.agent.nudges()).flatMap((nudge) => (nudge.kind === 'changes' ? nudge.tasks : []))
  expect(nudged.find(({ taskId }) => taskId === 't149')).toMatchObject({ wanted: 'stop', kills: 2 })
  // Nothing is said of it but what its agent will say.
  await on.look()
  expect(on.said('t149')).toEqual([])
  expect(await all(on.w.store, 'agent', { agentId: on.agent.id }, 'hold')).toEqual([])
  await on.w.check()
})

test('kill-during-big-accept: of a KILL and the piece that makes its task, the later one sees the earlier', async () => {
  const on = await stage()
  const accept = await accepting(on, IDS)
  const beforePiece = on.pause(puts('run', ({ taskId }) => taskId === 't50'))
  const answer = on.call(accept)
  await beforePiece.reached
  const beforeKill = on.pause(puts('hold'))
  const killed = kill(on, 't50')
  await beforeKill.reached
  // Between the reading of the KILL and its commit the task is made, and the hold still stands.
  const beforeNext = on.pause(puts('run', ({ taskId }) => taskId === 't149'))
  beforePiece.release()
  await beforeNext.reached
  expect(await wantedOf(on, 't50')).toEqual(['run', 0, undefined])
  beforeKill.release()
  expect(await killed).toBe(202)
  expect(await wantedOf(on, 't50')).toEqual(['stop', 1, undefined])
  beforeNext.release()
  expect(await answer).toBe(202)
})

test('kill-during-big-accept: a piece that was decided before the KILL is decided anew', async () => {
  const on = await stage()
  const accept = await accepting(on, IDS)
  const beforePiece = on.pause(puts('run', ({ taskId }) => taskId === 't50'))
  const answer = on.call(accept)
  await beforePiece.reached
  expect(await kill(on, 't50')).toBe(202)
  beforePiece.release()
  expect(await answer).toBe(202)
  expect(await wantedOf(on, 't50')).toEqual(['stop', 1, undefined])
})

test('kill-during-big-accept, and the worker dies: the repeat makes the task as one that is to stop', async () => {
  const death = dyingBefore(puts('run'))
  const on = await stage(death)
  const accept = await accepting(on, IDS)
  death.allow(1)
  await expect(on.call(accept)).rejects.toThrow('died')
  expect(await kill(on, 't149')).toBe(202)
  death.allow(Number.POSITIVE_INFINITY)
  expect(await on.call(accept)).toBe(202)
  expect(await wantedOf(on, 't149')).toEqual(['stop', 1, undefined])
  await on.w.check()
})

test('kill-during-big-accept without an agent: the ACCEPT under way is found by its framework', async () => {
  const on = await stage()
  const accept = await accepting(on, IDS)
  const paused = pausedAtPiece(on, 3)
  const answer = on.call(accept)
  await paused.reached
  const anywhere = { task_id: { value: 't149' } }
  expect(await on.call({ type: 'KILL', kill: anywhere })).toBe(202)
  // RECONCILE without an agent knows of it as well.
  expect(await on.call({ type: 'RECONCILE', reconcile: { tasks: [{ task_id: { value: 't148' } }] } })).toBe(
    202,
  )
  await on.look()
  expect(on.said('t148')).toEqual(['TASK_STAGING'])
  paused.release()
  expect(await answer).toBe(202)
  expect(await wantedOf(on, 't149')).toEqual(['stop', 1, undefined])
  expect(await wantedOf(on, 't148')).toEqual(['run', 0, undefined])
  await on.look()
  expect(on.said('t149')).toEqual([])
  const { frameworkId } = on.framework
  expect(await all(on.w.store, 'accepting', { frameworkId })).toEqual([])
  // And when it is over: of a task nobody knows it is said so.
  expect(await on.call({ type: 'KILL', kill: { task_id: { value: 'nobody' } } })).toBe(202)
  await on.look()
  expect(on.said('nobody')).toEqual(['TASK_UNKNOWN'])
})

test('kill-during-big-accept without an agent, and the worker dies: at the end of the hold it is DROPPED', async () => {
  const death = dyingBefore(puts('run'))
  const on = await stage(death)
  const accept = await accepting(on, IDS)
  death.allow(1)
  await expect(on.call(accept)).rejects.toThrow('died')
  expect(await on.call({ type: 'KILL', kill: { task_id: { value: 't149' } } })).toBe(202)
  death.allow(Number.POSITIVE_INFINITY)
  await on.w.run(40_000)
  await on.look()
  expect(on.said('t149')).toEqual(['TASK_DROPPED'])
  expect(await all(on.w.store, 'accepting', { frameworkId: on.framework.frameworkId })).toEqual([])
  await on.w.check()
})

describe('SHUTDOWN during a large ACCEPT', () => {
  const executor: ExecutorInfo = {
    executor_id: { value: 'e' },
    type: 'CUSTOM',
    command: { value: './executor' },
    resources: [scalar('cpus', 0.1), scalar('mem', 32)],
  }

  function shutdown(on: Stage, executorId: string) {
    const agent_id = { value: on.agent.id }
    return on.call({ type: 'SHUTDOWN', shutdown: { agent_id, executor_id: { value: executorId } } })
  }

  /** Half of the tasks are command tasks, the later half run under the executor. */
  async function acceptWith(on: Stage) {
    const accept = await accepting(on, IDS)
    const operations = accept.accept?.operations?.map((operation) => ({
      ...operation,
      launch: {
        task_infos: (operation.launch?.task_infos ?? []).map(({ command, ...task }, index) =>
          index < 75 ? { ...task, command } : { ...task, executor },
        ),
      },
    }))
    return { ...accept, accept: { offer_ids: accept.accept?.offer_ids, operations } }
  }

  test('tasks of an executor that is still to be made come into being as ones that are to stop', async () => {
    const on = await stage()
    const accept = await acceptWith(on)
    const paused = pausedAtPiece(on, 2)
    const answer = on.call(accept)
    await paused.reached
    expect(await shutdown(on, 'e')).toBe(202)
    // The executor of a command task that is still to be made is known by the task.
    expect(await shutdown(on, 't60')).toBe(202)
    expect(await shutdown(on, 'other')).toBe(202)
    paused.release()
    expect(await answer).toBe(202)
    expect(await wantedOf(on, 't149')).toEqual(['stop', 1, undefined])
    expect(await wantedOf(on, 't75')).toEqual(['stop', 1, undefined])
    expect(await wantedOf(on, 't60')).toEqual(['stop', 1, undefined])
    expect(await wantedOf(on, 't61')).toEqual(['run', 0, undefined])
    await on.w.check()
  })

  test('of a SHUTDOWN and the piece that makes the executor, the later one sees the earlier', async () => {
    const on = await stage()
    const accept = await acceptWith(on)
    const beforePiece = on.pause(puts('executor'))
    const answer = on.call(accept)
    await beforePiece.reached
    const beforeEnd = on.pause(puts('hold'))
    const ended = shutdown(on, 'e')
    await beforeEnd.reached
    // Between the reading of the SHUTDOWN and its commit the executor is made with its first tasks.
    const beforeNext = on.pause(puts('run', ({ taskId }) => taskId === 't149'))
    beforePiece.release()
    await beforeNext.reached
    beforeEnd.release()
    expect(await ended).toBe(202)
    const ref = { agentId: on.agent.id, frameworkId: on.framework.frameworkId, executorId: 'e' }
    expect(await on.w.store.get('executor', ref)).toMatchObject({ wanted: 'end' })
    beforeNext.release()
    expect(await answer).toBe(202)
    expect(await wantedOf(on, 't149')).toEqual(['stop', 1, undefined])
    await on.w.check()
  })
})
