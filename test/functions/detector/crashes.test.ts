// Every line can be the last one: workers die before and after each commit, others go on, the world is the same.
import { describe, expect, test } from 'vitest'
import { contextOf } from '../../../functions/cluster-time.ts'
import { transact } from '../../../functions/transact.ts'
import { kill } from '../../../master/calls/kill.ts'
import { dying, persistently } from '../agents/dying.ts'
import { type PlayedAgent, type World, world } from '../agents/world.ts'

interface Seen {
  readonly states: readonly (string | undefined)[]
  readonly life: string
  readonly sums: unknown
  readonly losses: number
  readonly words: readonly string[]
}

const ids = Array.from({ length: 30 }, (_, index) => `t${String(index).padStart(2, '0')}`)

/** A loss of thirty tasks, a kill meanwhile, a return that lost one task and found another ended. */
async function play(n: number, when: 'before' | 'after'): Promise<{ seen: Seen; fired: boolean }> {
  const faults = dying({ reads: false })
  const w = await world({ store: faults.wrap })
  const framework = await w.framework()
  const agent = await w.agent()
  await agent.launch(framework, ids)
  for (const id of ids.slice(0, 3)) await agent.update(id, 'TASK_RUNNING')
  await w.run(3_000)
  agent.isUp = false
  faults.arm(n, when)
  await persistently(() => w.run(20_000))
  await w.run(2_000)
  await persistently(() => killTask(w, agent, framework, 't05'))
  agent.tasks.delete('t01')
  agent.tasks.delete('t02')
  agent.report('t03', 'TASK_FAILED')
  agent.reboot()
  await registerUntilDone(agent)
  await persistently(() => agent.updates([{ ...agent.report('t03', 'TASK_FAILED', { number: 1 }) }]))
  const fired = faults.fired()
  agent.isUp = true
  await agent.beat()
  await w.run(8_000)
  await w.check()
  const tasks = await Promise.all(ids.map((id) => agent.task(framework, id)))
  const ledger = await agent.ledger()
  expect(ledger.openWork).toBeUndefined()
  const mail = await w.mail(framework.frameworkId)
  return {
    fired,
    seen: {
      states: tasks.map(
        (task) => task && `${task.mesos.state} ${task.standing} ${task.custody.length} ${task.lastUpdate}`,
      ),
      life: ledger.life,
      sums: ledger.sums[framework.frameworkId],
      losses: (await w.losses()).length,
      words: mail
        .flatMap((body) =>
          'status' in body ? [`${body.kind} ${body.status.task_id.value} ${body.status.state}`] : [],
        )
        .sort(),
    },
  }
}

async function killTask(
  w: World,
  agent: PlayedAgent,
  framework: Parameters<PlayedAgent['task']>[0],
  taskId: string,
) {
  const context = await contextOf(w.env)
  await transact(w.env, {
    name: 'kill',
    load: async () => ({
      framework,
      task: await agent.task(framework, taskId),
      ledger: await agent.ledger(),
      run: await agent.run(framework, taskId),
    }),
    decide: (loaded) => kill(loaded, { task_id: { value: taskId } }, context),
  })
}

async function registerUntilDone(agent: PlayedAgent): Promise<void> {
  for (;;) {
    const answer = await persistently(() => agent.register())
    if (answer.kind === 'registered') return
  }
}

describe('F62 S6', () => {
  test('a worker that dies at any commit leaves nothing that the next one does not finish', async () => {
    const whole = await play(Number.POSITIVE_INFINITY, 'before')
    expect(whole.fired).toBe(false)
    expect(whole.seen).toMatchObject({ life: 'active', losses: 1 })
    expect(whole.seen.states.slice(1, 4)).toEqual([
      'TASK_GONE live 2 2',
      'TASK_GONE live 2 2',
      'TASK_FAILED live 1 1',
    ])
    let crashes = 0
    for (let n = 0; ; n++) {
      const before = await play(n, 'before')
      const after = await play(n, 'after')
      if (!before.fired && !after.fired) break
      expect(before.seen, `died before commit ${n}`).toEqual(whole.seen)
      expect(after.seen, `died after commit ${n}`).toEqual(whole.seen)
      crashes++
    }
    expect(crashes).toBeGreaterThan(10)
  })
})

test('F18 an agent lost two weeks ago is forgotten, and admitted with its id when it comes back', async () => {
  const w = await world()
  const framework = await w.framework()
  const agent = await w.agent()
  await agent.launch(framework, ['t1'])
  await w.run(3_000)
  agent.isUp = false
  await w.run(14_000)
  w.clock.move(14 * 24 * 3_600_000)
  await w.run(2_000)
  expect((await w.store.query('agents', { shard: 0 })).found).toEqual([])
  expect((await w.store.query('agent', { agentId: agent.id })).found).toEqual([])
  expect(await agent.task(framework, 't1')).toBeUndefined()
  const answer = await agent.register()
  expect(answer).toMatchObject({ kind: 'registered', agentId: agent.id })
})
