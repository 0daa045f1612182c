// What a tick reads: few ledgers where all is well, and at once those about whom there is something to do.
import { describe, expect, test } from 'vitest'
import { partsOf as partsOfModel } from '../../../cli/cost/model.ts'
import { lose } from '../../../functions/agents/lifecycle.ts'
import { detect } from '../../../functions/detector/handler.ts'
import { partsOf } from '../../../functions/detector/sight.ts'
import type { Store } from '../../../store/store.ts'
import { type PlayedAgent, world } from '../agents/world.ts'

const AGENTS = 50

async function fifty() {
  const read = new Set<string>()
  const w = await world({
    store: (store): Store => ({
      ...store,
      async getMany(kind, refs) {
        if (kind === 'ledger') for (const ref of refs) if ('agentId' in ref) read.add(ref.agentId)
        return await store.getMany(kind, refs)
      },
    }),
  })
  const agents: PlayedAgent[] = []
  for (let index = 0; index < AGENTS; index++) agents.push(await w.agent())
  await w.run(5_000)
  /** Ledgers that the next tick reads. */
  const tick = async () => {
    await w.run(1_000)
    read.clear()
    await detect(w.env)
    return new Set(read)
  }
  return { w, agents, tick }
}

describe('parts', () => {
  test.each([
    [1, 1],
    [20, 1],
    [21, 3],
    [60, 3],
    [61, 5],
    [100, 5],
    [101, 15],
    [10_000, 15],
  ])('of %i agents all ledgers are read in %i ticks', (agents, parts) => {
    expect(partsOf(agents, 15)).toBe(parts)
    for (const rounds of [2, 15, 30]) expect(partsOfModel(agents, rounds)).toBe(partsOf(agents, rounds))
  })

  test('a round is whole parts, so who has a turn in the round is in sight then', () => {
    for (const rounds of [2, 15, 30])
      for (let agents = 1; agents < 500; agents++) expect(rounds % partsOf(agents, rounds)).toBe(0)
  })
})

describe('R13 fifty agents', () => {
  test('are read a third at a tick, and all within three', { timeout: 60_000 }, async () => {
    const { tick } = await fifty()
    const seen = new Set<string>()
    for (let round = 0; round < 3; round++) {
      // Each measured tick is the second of two.
      const read = await tick()
      expect(read.size).toBeLessThanOrEqual(AGENTS / 2)
      for (const agentId of read) seen.add(agentId)
    }
    expect(seen.size).toBe(AGENTS)
  })

  test('F1 who is silent is read at every tick', { timeout: 60_000 }, async () => {
    const { w, agents, tick } = await fifty()
    const [dead] = agents
    if (dead === undefined) return
    dead.isUp = false
    await w.run(6_000)
    for (let round = 0; round < 2; round++) expect(await tick()).toContain(dead.id)
    const died = dead.lastBeat
    while ((await w.losses()).length === 0) await w.run(1_000)
    expect(w.clock.now() - died).toBeLessThanOrEqual(9_000 + 3_000)
  })

  test('F62 a loss or a return whose worker died is finished by the next tick', {
    timeout: 60_000,
  }, async () => {
    const { w, agents } = await fifty()
    const framework = await w.framework()
    for (const agent of agents.slice(0, 6)) {
      await agent.launch(framework, [`task-${agent.id}`])
      expect(await lose(w.env, agent.id, 'unreachable')).toBe('lost')
      expect((await agent.ledger()).openWork?.kind).toBe('loss')
      await w.run(1_000)
      expect((await agent.ledger()).openWork).toBeUndefined()
    }
    expect(await w.losses()).toHaveLength(6)
  })
})
