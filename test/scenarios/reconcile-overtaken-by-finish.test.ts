// RECONCILE reads a running task; before its answer is written the task ends and the end is acknowledged.
import { expect, test } from 'vitest'
import { puts, type Stage, stage } from './stage.ts'

const isAnswer = puts('mail', ({ body }) => body.kind === 'word')

async function running(): Promise<Stage> {
  const on = await stage()
  await on.agent.launch(on.framework, ['t'])
  await on.agent.update('t', 'TASK_RUNNING')
  await acknowledgeHead(on)
  return on
}

async function acknowledgeHead(on: Stage): Promise<void> {
  await on.look()
  const task = await on.agent.task(on.framework, 't')
  const acknowledge = {
    agent_id: { value: on.agent.id },
    task_id: { value: 't' },
    uuid: task?.custody[0]?.uuid ?? '',
  }
  expect(await on.call({ type: 'ACKNOWLEDGE', acknowledge })).toBe(202)
}

test('reconcile-overtaken-by-finish: nothing is said of a life behind an end that was acknowledged', async () => {
  const on = await running()
  const paused = on.pause(isAnswer)
  const answer = on.call({ type: 'RECONCILE', reconcile: { tasks: [{ task_id: { value: 't' } }] } })
  await paused.reached
  await on.agent.update('t', 'TASK_FINISHED')
  await acknowledgeHead(on)
  paused.release()
  expect(await answer).toBe(202)
  await on.look()
  // Over and acknowledged, it is unknown again (C99); the question is answered all the same (F58).
  expect(on.said('t')).toEqual(['TASK_RUNNING', 'TASK_FINISHED', 'TASK_UNKNOWN'])
})

test('reconcile-overtaken-by-finish, the end not acknowledged: it is the last that is said', async () => {
  const on = await running()
  const paused = on.pause(isAnswer)
  const answer = on.call({ type: 'RECONCILE', reconcile: { tasks: [{ task_id: { value: 't' } }] } })
  await paused.reached
  await on.agent.update('t', 'TASK_FINISHED')
  await on.look()
  paused.release()
  expect(await answer).toBe(202)
  await on.look()
  expect(on.said('t').at(-1)).toBe('TASK_FINISHED')
  expect(on.said('t').filter((state) => state === 'TASK_RUNNING')).toHaveLength(1)
})

test('a RECONCILE overtaken by the launch of the task does not say that it is gone', async () => {
  const on = await stage()
  const paused = on.pause(isAnswer)
  const asked = { task_id: { value: 't' }, agent_id: { value: on.agent.id } }
  const answer = on.call({ type: 'RECONCILE', reconcile: { tasks: [asked] } })
  await paused.reached
  await on.agent.launch(on.framework, ['t'])
  paused.release()
  expect(await answer).toBe(202)
  await on.look()
  expect(on.said('t')).toEqual(['TASK_STAGING'])
})

test('a KILL overtaken by the return of the agent does not say that the task is still out of reach', async () => {
  const on = await running()
  on.agent.isUp = false
  await on.w.run(14_000)
  const paused = on.pause(isAnswer)
  const answer = on.call({ type: 'KILL', kill: { task_id: { value: 't' } } })
  await paused.reached
  await on.agent.register()
  paused.release()
  expect(await answer).toBe(202)
  await on.look()
  expect(on.said('t').at(-1)).toBe('TASK_RUNNING')
  expect(await on.agent.run(on.framework, 't')).toMatchObject({ wanted: 'stop', kills: 1 })
})
