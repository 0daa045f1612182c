// What operators said of agents stands in the table: processes that begin just now know it, and the agents' own restarts too.
import { describe, expect, test } from 'vitest'
import { drainAgent } from '../../functions/agents/drain.ts'
import { deactivateAgent, markAgentGone, reactivateAgent } from '../../functions/agents/lifecycle.ts'
import { allocate } from '../../functions/allocator/handler.ts'
import { detect } from '../../functions/detector/handler.ts'
import { type PlayedAgent, type World, world } from '../functions/agents/world.ts'
import { newProcess, type PlayedSession, playedSession } from './played-session.ts'

interface Cast {
  readonly w: World
  readonly session: PlayedSession
  readonly agent: PlayedAgent
}

async function cast(): Promise<Cast> {
  const w = await world()
  const session = await playedSession(w)
  const agent = await w.agent()
  await agent.launch(session.framework, ['t1'])
  await agent.update('t1', 'TASK_RUNNING')
  await w.run(3_000)
  return { w, session, agent }
}

/** Every second another process detects and allocates; the agent's own process begins anew in the middle. */
async function anew({ w, agent }: Cast, seconds = 20): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    w.clock.move(1_000)
    if (second === seconds / 2) {
      agent.reboot()
      await agent.register()
    }
    if (agent.isUp) await agent.beat()
    await detect(newProcess(w.env))
    await w.hear()
    await allocate(newProcess(w.env))
  }
}

const offered = async ({ session }: Cast) =>
  (await session.look()).filter(({ type }) => type === 'OFFERS').length

describe('F72: marks of operators survive restarts of everything', () => {
  test('gone: whatever comes with its id is told to shut down', async () => {
    const on = await cast()
    expect(await markAgentGone(on.w.env, on.agent.id)).toBeDefined()
    on.agent.isUp = false
    await anew(on)
    on.agent.reboot()
    expect((await on.agent.register()).kind).toBe('shutdown')
    expect((await on.agent.ledger()).life).toBe('gone')
    expect(await offered(on)).toBe(0)
  })

  test('deactivated: no offers until it is reactivated, and its task goes on', async () => {
    const on = await cast()
    await deactivateAgent(on.w.env, on.agent.id)
    await anew(on)
    expect(await offered(on)).toBe(0)
    expect(await on.agent.ledger()).toMatchObject({ life: 'active', deactivated: true })
    expect(await on.agent.run(on.session.framework, 't1')).toMatchObject({ wanted: 'run' })
    await reactivateAgent(newProcess(on.w.env), on.agent.id)
    await anew(on, 2)
    expect(await offered(on)).toBe(1)
    await on.w.check()
  })

  test('F38: draining: its list says stop, whoever reads it, until it is drained', async () => {
    const on = await cast()
    await drainAgent(on.w.env, on.agent.id, { markGone: false, maxGraceMs: 5_000 })
    await anew(on)
    expect((await on.agent.ledger()).drain).toMatchObject({ state: 'DRAINING', maxGraceMs: 5_000 })
    expect(await on.agent.sync()).toMatchObject({ tasks: [{ taskId: 't1', wanted: 'stop' }] })
    await on.agent.update('t1', 'TASK_KILLED')
    for (let head = 0; head < 2; head++) {
      for (const status of await on.session.statuses())
        if (status.uuid !== undefined) await on.session.acknowledge(status)
    }
    await anew(on, 2)
    expect((await on.agent.ledger()).drain).toMatchObject({ state: 'DRAINED' })
    expect(await offered(on)).toBe(0)
  })
})
