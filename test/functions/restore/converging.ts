// What must hold when everybody has come back to a restored table: table, agents and mailbox say the same.
import { expect } from 'vitest'
import { restore } from '../../../functions/restore/restore.ts'
import type { Framework, Run, Task } from '../../../master/model.ts'
import { isTerminal } from '../../../master/task-state.ts'
import { all, type Store } from '../../../store/store.ts'
import type { PlayedAgent, World } from '../agents/world.ts'

/** The procedure, then every agent registers as it would when its next call is refused. */
export async function comeBack(w: World, agents: readonly PlayedAgent[]): Promise<void> {
  expect((await restore(w.env)).doors).toBe('open')
  w.clock.move(3_000)
  for (const agent of agents) {
    expect(await agent.sync()).toEqual({ kind: 'register-again' })
    expect((await agent.register()).kind).toBe('registered')
    agent.applied = agent.generation
  }
  await w.run(5_000)
}

export async function expectAgreement(
  w: World,
  framework: Framework,
  agents: readonly PlayedAgent[],
): Promise<void> {
  await w.check()
  const { frameworkId } = framework
  const there = new Set(agents.map(({ id }) => id))
  const known = await items(w.store, frameworkId)
  // Of agents that do not come back nothing is known yet.
  const tasks = known.filter(({ agentId }) => there.has(agentId))
  const runs: Run[] = []
  const index = (await all(w.store, 'agents', { shard: 0 })).map(({ item }) => item.agentId)
  for (const agent of agents) {
    expect(index).toContain(agent.id)
    expect(await agent.ledger()).toMatchObject({ life: 'active', offers: {}, holds: {} })
    expect((await agent.ledger()).openWork).toBeUndefined()
    for (const { kind, item } of await all(w.store, 'agent', { agentId: agent.id })) {
      if (kind === 'run') runs.push(item)
    }
  }
  const lives = agents.flatMap((agent) =>
    [...agent.tasks.values()]
      .filter(({ state }) => !isTerminal(state))
      .map(({ taskId }) => [taskId, agent.id]),
  )
  const live = tasks.filter(({ mesos, standing }) => standing === 'live' && !isTerminal(mesos.state))
  expect(live.map(({ taskId, agentId }) => [taskId, agentId]).sort()).toEqual(lives.sort())
  expect(runs.map(({ taskId, agentId }) => [taskId, agentId]).sort()).toEqual(lives)
  const said = (await w.mail(frameworkId)).flatMap((body) =>
    body.kind === 'update' ? [[body.status.task_id.value, body.number]] : [],
  )
  // Of a lost task nothing is said again before its return.
  const heads = known
    .filter(({ standing }) => standing !== 'lost')
    .flatMap(({ taskId, custody }) => (custody[0] ? [[taskId, custody[0].number]] : []))
  expect(said.sort()).toEqual(heads.sort())
}

async function items(store: Store, frameworkId: string): Promise<Task[]> {
  return (await all(store, 'tasks', { frameworkId, shard: 0 })).map(({ item }) => item)
}
