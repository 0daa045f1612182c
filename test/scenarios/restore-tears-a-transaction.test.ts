// A backup is no transaction: of the one it cuts through it has some items and not the others, whichever they are.
import { expect, test } from 'vitest'
import { answerCall } from '../../functions/scheduler/calls.ts'
import type { Framework } from '../../master/model.ts'
import type { TaskReport } from '../../protocol/agent-messages.ts'
import type { Step } from '../../store/rows.ts'
import type { PlayedAgent, World } from '../functions/agents/world.ts'
import { comeBack, expectAgreement } from '../functions/restore/converging.ts'
import { type RestorableTable, restorableWorld } from '../functions/restore/table.ts'

interface Life {
  readonly w: World
  readonly table: RestorableTable
  readonly framework: Framework
  readonly agents: readonly PlayedAgent[]
  readonly dead: PlayedAgent
  /** Transactions that only set the stage. */
  readonly begun: number
}

/** One of everything that is more than one write: launches, ends, kills, a registration, a loss, a return. */
async function live(): Promise<Life> {
  const { w, table, framework } = await restorableWorld()
  const [one, two, dead] = [await w.agent(), await w.agent(), await w.agent()]
  const begun = table.history.length
  const call = async (agent: PlayedAgent, taskId: string, type: 'ACKNOWLEDGE' | 'KILL') => {
    const uuid = (await agent.task(framework, taskId))?.custody[0]?.uuid ?? ''
    const named = { agent_id: { value: agent.id }, task_id: { value: taskId } }
    const body = type === 'KILL' ? { kill: named } : { acknowledge: { ...named, uuid } }
    const whole = { type, framework_id: { value: framework.frameworkId }, ...body }
    await answerCall(w.env, whole, { streamId: framework.streamId })
  }
  // Of an agent that is just made the table may hold the ledger, and nothing that leads to it.
  const made = await w.agent()
  await one.launch(framework, ['t1', 't2', 't3'])
  await two.launch(framework, ['u1'])
  await dead.launch(framework, ['d1', 'd2'])
  for (const taskId of ['t1', 't2']) {
    await one.update(taskId, 'TASK_RUNNING')
    await call(one, taskId, 'ACKNOWLEDGE')
  }
  await dead.update('d1', 'TASK_RUNNING')
  await one.update('t1', 'TASK_FINISHED')
  await call(one, 't1', 'ACKNOWLEDGE')
  one.tasks.delete('t1')
  await call(one, 't2', 'KILL')
  await two.offered(framework)
  dead.isUp = false
  await w.run(15_000)
  two.reboot()
  await two.register()
  two.applied = two.generation
  await two.update('u1', 'TASK_RUNNING')
  return { w, table, framework, agents: [one, two, made], dead, begun }
}

function stepsOf(table: RestorableTable, index: number): readonly Step[] {
  return table.history[index] ?? []
}

/** Transactions that differ in what they write; of the others one is enough. */
async function differentCuts() {
  const { table, begun } = await live()
  const seen = new Set<string>()
  const cuts: { commit: number; written: readonly number[] }[] = []
  for (let commit = begun; commit < table.history.length; commit++) {
    const steps = stepsOf(table, commit)
    const name = steps
      .map(({ do: verb, row }) => `${verb} ${row.pk.split('#')[0]} ${row.sk.split('#')[0]}`)
      .join()
    if (steps.filter((step) => step.do !== 'check').length < 2 || seen.has(name)) continue
    seen.add(name)
    // A check leaves nothing behind that could be there or not.
    const written = steps.flatMap((step, index) => (step.do === 'check' ? [] : [index]))
    cuts.push({ commit, written })
  }
  return { cuts, history: table.history }
}

/** Which items there are, and which not. */
function cutAt(
  history: RestorableTable['history'],
  commit: number,
  isThere: (index: number) => boolean,
): string {
  const steps = (history[commit] ?? []).map(
    ({ do: verb, row }, index) => `${isThere(index) ? '' : 'NOT '}${verb} ${row.pk} ${row.sk}`,
  )
  return `transaction ${commit}: ${steps.join(', ')}`
}

async function expectConvergence(commit: number, isThere: (index: number) => boolean): Promise<void> {
  const { w, table, framework, agents, dead } = await live()
  await table.goBack(commit, isThere)
  w.clock.move(600_000)
  await comeBack(w, agents)
  await expectAgreement(w, framework, agents)
  // The dead one is found dead again, and LOSSES goes on.
  await w.run(15_000)
  const { life, openWork } = await dead.ledger()
  expect([life, openWork]).toEqual(['unreachable', undefined])
  expect(await w.losses()).toContain(dead.id)
  for (const taskId of ['d1', 'd2']) {
    const state = (await dead.task(framework, taskId))?.standing
    expect([undefined, 'lost']).toContain(state)
  }
  // And everything works: a launch, its end.
  const [one] = agents
  const session = await w.store.get('framework', framework)
  if (one === undefined || session === undefined) throw new Error('nobody')
  await one.launch(session, ['after'])
  expect(await one.update('after', 'TASK_RUNNING')).toMatchObject({ results: ['taken'] })
  const report: TaskReport | undefined = one.tasks.get('after')
  expect(report?.launchIncarnation).toBe(one.incarnation)
  await w.check()
}

test('restore-tears-a-transaction, F73 H20: any one item of it is there, or all but one', async () => {
  const { cuts, history } = await differentCuts()
  expect(cuts.length).toBeGreaterThan(6)
  let tried = 0
  for (const { commit, written } of cuts) {
    for (const only of written) {
      for (const isThere of [(index: number) => index === only, (index: number) => index !== only]) {
        await expectConvergence(commit, isThere).catch((error: unknown) => {
          throw new Error(`${cutAt(history, commit, isThere)}: ${String(error)}`)
        })
      }
      tried += 2
    }
  }
  expect(tried).toBeGreaterThan(40)
}, 120_000)
