// DRAIN_AGENT comes while the pieces of a large ACCEPT are still being made: nothing is launched behind it (F81).
import { expect, test } from 'vitest'
import { drainAgent } from '../../functions/agents/drain.ts'
import { all } from '../../store/store.ts'
import { accepting, pausedAtPiece, puts, type Stage, stage } from './stage.ts'

const IDS = Array.from({ length: 150 }, (_, index) => `t${index}`)

/** The reader's word about a task, with its reason. */
async function reasonOf(on: Stage, taskId: string) {
  const mail = await on.w.mail(on.framework.frameworkId)
  const word = mail.find((body) => body.kind === 'word' && body.status.task_id.value === taskId)
  return word?.kind === 'word' ? `${word.status.state} ${word.status.reason}` : undefined
}

test('F81 between two pieces: what was made is stopped, what was not is dropped, and the ACCEPT is 202', async () => {
  const on = await stage()
  const accept = await accepting(on, IDS)
  const paused = pausedAtPiece(on, 3)
  const answer = on.call(accept)
  await paused.reached
  expect(await drainAgent(on.w.env, on.agent.id, { maxGraceMs: 1_000, markGone: false })).toBe('draining')
  paused.release()
  expect(await answer).toBe(202)
  const runs = (await all(on.w.store, 'agent', { agentId: on.agent.id }, 'run')).map(({ item }) => item)
  expect(runs.length).toBeGreaterThan(0)
  expect(runs.length).toBeLessThan(IDS.length)
  const made = new Set(runs.flatMap((item) => ('taskId' in item ? [item.taskId] : [])))
  for (const taskId of IDS) {
    expect(await reasonOf(on, taskId)).toBe(
      made.has(taskId) ? undefined : 'TASK_DROPPED REASON_AGENT_DRAINING',
    )
  }
  const list = await on.agent.sync()
  expect(list).toMatchObject({ kind: 'wanted', drain: { maxGraceMs: 1_000 } })
  const wanted = list.kind === 'wanted' ? list.tasks : []
  expect(wanted.map((task) => [task.taskId, task.wanted])).toEqual(
    runs.map((item) => ['taskId' in item ? item.taskId : '', 'stop']),
  )
  expect(await on.agent.ledger()).toMatchObject({ holds: {}, offers: {}, drain: { state: 'DRAINING' } })
  // The client's repeat finds it done.
  expect(await on.call(accept)).toBe(202)
  await on.look()
  expect(on.said('t149')).toEqual(['TASK_DROPPED'])
  await on.w.check()
})

test('F81 a drain and a small ACCEPT at once: whichever is second sees the first', async () => {
  for (const isDrainFirst of [true, false]) {
    const on = await stage()
    const accept = await accepting(on, ['one'])
    const paused = on.pause(isDrainFirst ? puts('run') : puts('ledger', ({ drain }) => drain !== undefined))
    const first = isDrainFirst ? on.call(accept) : drainAgent(on.w.env, on.agent.id, { markGone: false })
    await paused.reached
    const second = isDrainFirst ? drainAgent(on.w.env, on.agent.id, { markGone: false }) : on.call(accept)
    await second
    paused.release()
    await first
    const list = await on.agent.sync()
    const tasks = list.kind === 'wanted' ? list.tasks.map(({ taskId, wanted }) => [taskId, wanted]) : []
    expect(tasks).toEqual(isDrainFirst ? [] : [['one', 'stop']])
    expect(await reasonOf(on, 'one')).toBe(isDrainFirst ? 'TASK_DROPPED REASON_INVALID_OFFERS' : undefined)
    await on.w.check()
  }
})

test('F81 a drain of five hundred tasks is one write, and their list says it all', async () => {
  let ledgers = 0
  const on = await stage({
    store: (store) => ({
      ...store,
      async commit(changes, token) {
        if (puts('ledger')(changes)) ledgers++
        return await store.commit(changes, token)
      },
    }),
  })
  await on.agent.launch(
    on.framework,
    Array.from({ length: 500 }, (_, index) => `t${index}`),
  )
  ledgers = 0
  await drainAgent(on.w.env, on.agent.id, { markGone: false })
  expect(ledgers).toBe(1)
  const list = await on.agent.sync()
  const tasks = list.kind === 'wanted' ? list.tasks : []
  expect(tasks.length).toBe(500)
  expect(new Set(tasks.map(({ wanted }) => wanted))).toEqual(new Set(['stop']))
})
