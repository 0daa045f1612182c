// A framework reads and never acknowledges, for an hour: nothing grows, nothing is written, nothing is lost.
import { expect, test } from 'vitest'
import type { UpdateReport } from '../../protocol/agent-messages.ts'
import type { Store } from '../../store/store.ts'
import { type Stage, stage } from './stage.ts'

const HOUR_S = 3_600

function counting() {
  const count = { commits: 0 }
  const wrap = (store: Store): Store => ({
    ...store,
    async commit(changes, token) {
      count.commits++
      return await store.commit(changes, token)
    },
  })
  return { count, wrap }
}

async function acknowledge({ agent, framework, call }: Stage, taskId: string): Promise<void> {
  const { uuid = '' } = (await agent.task(framework, taskId))?.custody[0] ?? {}
  const body = { agent_id: { value: agent.id }, task_id: { value: taskId }, uuid }
  expect(await call({ type: 'ACKNOWLEDGE', acknowledge: body })).toBe(202)
}

test('never-acks-for-an-hour, F40: said again 10, 30, 70 s … after its commit, and no write for it', async () => {
  const { count, wrap } = counting()
  const on = await stage({ store: wrap })
  await on.agent.launch(on.framework, ['t'])
  await on.agent.update('t', 'TASK_RUNNING')
  const uuid = (await on.agent.task(on.framework, 't'))?.custody[0]?.uuid
  count.commits = 0
  const saidAt: number[] = []
  for (let second = 0; second <= HOUR_S; second++) {
    for (const { update } of await on.look()) {
      expect(update?.status).toMatchObject({ state: 'TASK_RUNNING', uuid })
      saidAt.push(second)
    }
    on.w.clock.move(1_000)
  }
  expect(saidAt).toEqual([0, 10, 30, 70, 150, 310, 630, 1_230, 1_830, 2_430, 3_030])
  expect(count.commits).toBe(0)
  await acknowledge(on, 't')
  on.w.clock.move(HOUR_S * 1_000)
  expect(await on.look()).toEqual([])
})

test('never-acks-for-an-hour, R12 F43 A10: custody has its bound, the rest waits on the agent, resources are free', async () => {
  const on = await stage()
  const { agent, framework } = on
  await agent.launch(framework, ['t', 'other'])
  const reports: UpdateReport[] = Array.from({ length: 25 }, (_, index) => {
    const report = agent.report('t', index < 24 ? 'TASK_RUNNING' : 'TASK_FINISHED')
    return { ...report, status: { ...report.status, message: `update ${index + 1}` } }
  })
  const hand = async (some: readonly UpdateReport[]) => {
    const answer = await agent.updates(some)
    return answer.kind === 'answered' ? answer.results : expect.fail(answer.kind)
  }
  const results = await hand(reports)
  expect(results.filter((result) => result === 'taken')).toHaveLength(16)
  expect(results.slice(16)).toEqual(Array.from({ length: 9 }, () => 'not-yet'))
  // What the end frees is free although it waits behind updates nobody acknowledges.
  expect(await agent.run(framework, 't')).toMatchObject({ charged: [] })
  on.w.clock.move(HOUR_S * 1_000)
  expect((await agent.task(framework, 't'))?.custody).toHaveLength(16)
  // Another task of the same framework is told all the same.
  await agent.update('other', 'TASK_RUNNING')
  await on.look()
  expect(on.said('other')).toEqual(['TASK_RUNNING'])

  // It begins to acknowledge: each update in its order, none left out.
  const heard: (string | undefined)[] = []
  let waiting = reports.slice(16)
  for (let round = 0; round < 25; round++) {
    const events = round === 0 ? on.w.mail(framework.frameworkId).then(heads) : on.look().then(messages)
    heard.push(...(await events))
    await acknowledge(on, 't')
    const again = await hand(waiting)
    waiting = waiting.filter((_, index) => again[index] === 'not-yet')
  }
  expect(heard).toEqual(reports.map(({ status }) => status.message))
  expect(await agent.task(framework, 't')).toMatchObject({ standing: 'finished', custody: [] })
  await on.w.check()

  function heads(mail: Awaited<ReturnType<typeof on.w.mail>>) {
    return mail.flatMap((body) =>
      body.kind === 'update' && body.status.task_id.value === 't' ? [body.status.message] : [],
    )
  }
  function messages(events: Awaited<ReturnType<typeof on.look>>) {
    return events.flatMap(({ update }) =>
      update?.status.task_id.value === 't' ? [update.status.message] : [],
    )
  }
})
