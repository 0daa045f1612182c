// Takeover, disconnect, removal: workers die at every call of the table, others go on, the world is the same.
import { describe, expect, test } from 'vitest'
import { all } from '../../../store/store.ts'
import { again, playedSession, refusedSession } from '../../scenarios/played-session.ts'
import { dying, persistently } from '../agents/dying.ts'
import { type PlayedAgent, type World, world } from '../agents/world.ts'

type Ending = 'TEARDOWN' | 'its deadline'

const names = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${prefix}${String(index).padStart(2, '0')}`)
/** More than one piece on the first agent. */
const HERE = names('here', 30)
const AWAY = names('away', 5)

interface Seen {
  readonly states: readonly string[]
  readonly runs: readonly string[]
  readonly lists: readonly unknown[]
  readonly sums: readonly unknown[]
  readonly offers: number
  readonly mail: readonly unknown[]
  readonly framework: unknown
  readonly gates: unknown
  readonly refused: string
}

/** A framework with tasks here and on an agent that is lost is taken over, ends, and its agents say so. */
async function play(
  ending: Ending,
  n: number,
  when: 'before' | 'after',
): Promise<{ seen: Seen; fired: boolean }> {
  const deaths = dying()
  const w = await world({ store: deaths.wrap })
  const first = await playedSession(w, { failover_timeout: 3 })
  const [here, away] = [await w.agent(), await w.agent()]
  await here.launch(first.framework, HERE)
  await away.launch(first.framework, AWAY)
  for (const id of HERE.slice(0, 3)) await here.update(id, 'TASK_RUNNING')
  await here.update('here00', 'TASK_FINISHED')
  await w.run(3_000)
  away.isUp = false
  await w.run(14_000)
  await here.offered(first.framework, { resources: [{ name: 'cpus', type: 'SCALAR', scalar: { value: 1 } }] })

  deaths.arm(n, when)
  const second = await persistently(() => playedSession(w, { ...again(first), failover_timeout: 3 }))
  if (ending === 'TEARDOWN') await persistently(() => second.call({ type: 'TEARDOWN' }))
  else await persistently(() => second.end('closed'))
  await persistently(() => w.run(8_000))
  const fired = deaths.fired()
  await w.run(2_000)
  away.isUp = true
  while ((await away.register()).kind !== 'registered');
  const lists = [await listOf(here), await listOf(away)]
  for (const id of HERE.slice(1)) await here.update(id, 'TASK_KILLED')
  for (const id of AWAY) await away.update(id, 'TASK_KILLED')
  await w.run(3_000)
  await w.check()
  return { fired, seen: { lists, ...(await seen(w, [here, away], first.framework.frameworkId)) } }
}

async function listOf(agent: PlayedAgent): Promise<unknown> {
  const list = await agent.sync()
  return list.kind === 'wanted' ? list.tasks.map(({ taskId, wanted }) => `${taskId} ${wanted}`).sort() : list
}

async function seen(
  w: World,
  agents: readonly PlayedAgent[],
  frameworkId: string,
): Promise<Omit<Seen, 'lists'>> {
  const framework = await w.store.get('framework', { frameworkId })
  const gate = await w.store.get('gate', { frameworkId, index: 0 })
  const ledgers = await Promise.all(agents.map((agent) => agent.ledger()))
  const runs = await Promise.all(agents.map((agent) => all(w.store, 'agent', { agentId: agent.id }, 'run')))
  const tasks = (await all(w.store, 'tasks', { frameworkId, shard: 0 })).map(({ item }) => item)
  return {
    states: tasks.map(({ taskId, mesos, standing }) => `${taskId} ${mesos.state} ${standing}`),
    runs: runs.flat().map(({ kind }) => kind),
    sums: ledgers.map(({ sums }) => sums),
    offers: ledgers.reduce((sum, { offers }) => sum + Object.keys(offers).length, 0),
    mail: await w.mail(frameworkId),
    framework: { state: framework?.state, openWork: framework?.openWork },
    gates: { removed: gate?.removed, isRaised: gate?.epoch === framework?.epoch },
    refused: await refusedSession(w, { id: { value: frameworkId } }),
  }
}

describe.each(['TEARDOWN', 'its deadline'] as const)('F62, H11: a framework that ends by %s', (ending) => {
  test('F48 F55: workers that die at any call leave nothing that others do not finish', {
    timeout: 120_000,
  }, async () => {
    const whole = await play(ending, Number.POSITIVE_INFINITY, 'before')
    expect(whole.fired).toBe(false)
    expect(whole.seen).toMatchObject({
      runs: [],
      sums: [{}, {}],
      offers: 0,
      mail: [],
      framework: { state: 'removed' },
      gates: { removed: true, isRaised: true },
      refused: 'Framework has been removed',
    })
    expect(whole.seen.states).toHaveLength(HERE.length + AWAY.length)
    expect(
      whole.seen.states.every((state) => /KILLED finished$|here00 TASK_FINISHED finished$/.test(state)),
    ).toBe(true)
    let deaths = 0
    for (let n = 0; ; n++) {
      const { seen, fired } = await play(ending, n, n % 2 === 0 ? 'before' : 'after')
      if (!fired) break
      expect(seen, `died at call ${n}`).toEqual(whole.seen)
      deaths++
    }
    expect(deaths).toBeGreaterThan(30)
  })
})
