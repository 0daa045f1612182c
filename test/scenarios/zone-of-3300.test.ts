// A third of ten thousand agents dies at once: one pass gives them up, and they do not queue at one item of the table.
import { expect, test } from 'vitest'
import { detect } from '../../functions/detector/handler.ts'
import { look } from '../../functions/detector/sight.ts'
import type { Change } from '../../master/decision.ts'
import type { Beats } from '../../master/model.ts'
import { all, type Store } from '../../store/store.ts'
import { world } from '../functions/agents/world.ts'
import * as allocator from '../master/allocator/world.ts'

const AGENTS = 10_000
const DEAD = 3_300
const PER_SHARD = 50

const idOf = (index: number) => `test-S${String(index).padStart(5, '0')}`
const isDead = (index: number) => index < DEAD

/** Ten thousand agents, of which the first 3,300 are the zone that fell silent. */
async function tenThousand() {
  const writes = { heads: 0, conflicts: 0 }
  const w = await world({
    settings: { beatShards: AGENTS / PER_SHARD },
    store: (store): Store => ({
      ...store,
      async commit(changes, token) {
        const result = await store.commit(changes, token)
        if (result.kind === 'conflicted') writes.conflicts++
        else if (changes.some(({ kind }) => kind === 'lossHead')) writes.heads++
        return result
      },
    }),
  })
  const now = w.clock.now()
  for (let first = 0; first < AGENTS; first += PER_SHARD) {
    const shard = first / PER_SHARD
    const ids = Array.from({ length: PER_SHARD }, (_, index) => first + index)
    const beats: Beats = {
      version: 0,
      shard,
      agents: Object.fromEntries(
        ids.map((index) => {
          const stamp = isDead(index) ? now - 60_000 : now
          return [idOf(index), { incarnation: 1, number: 9, stamp, applied: 0, digest: '' }]
        }),
      ),
      canary: { number: 1, stamp: now },
      hearingSince: now - 3_600_000,
    }
    const changes: Change[] = [{ do: 'put', kind: 'beats', item: beats, when: { name: 'absent' } }]
    await w.store.commit(changes, `beats ${first}`)
    for (const index of ids) await w.store.commit(ofAgent(index, shard), `agent ${index}`)
  }
  return { w, writes }
}

function ofAgent(index: number, shard: number): Change[] {
  const zone = isDead(index) ? 'dead' : `zone ${index % 2}`
  const { ledger, entry } = allocator.agent(idOf(index), allocator.cpusMem(4, 4_096))
  const info = { ...entry.info, domain: { fault_domain: { region: { name: 'r' }, zone: { name: zone } } } }
  return [
    {
      do: 'put',
      kind: 'ledger',
      item: { ...ledger, version: 0, beatShard: shard },
      when: { name: 'absent' },
    },
    { do: 'put', kind: 'agent', item: { ...entry, version: 0, info }, when: { name: 'absent' } },
  ]
}

test('zone-of-3300, F83 R8: all of it in one pass, no alarm, a write of the head for forty', {
  timeout: 120_000,
}, async () => {
  const { w, writes } = await tenThousand()
  await detect(w.env)
  const losses = await w.losses()
  expect(losses).toHaveLength(DEAD)
  expect([...losses].sort()).toEqual(Array.from({ length: DEAD }, (_, index) => idOf(index)))
  expect(w.logged.filter((line) => line.startsWith('alarm'))).toEqual([])
  expect(writes).toEqual({ heads: Math.ceil(DEAD / 40), conflicts: 0 })
  const numbers = (await all(w.store, 'losses', {})).map(({ item }) => item.number)
  expect([...numbers].sort((a, b) => a - b)).toEqual(Array.from({ length: DEAD }, (_, index) => index + 1))
  // Those of the other zones are as they were.
  const tick = await w.store.get('tick', {})
  const sight = tick === undefined ? undefined : await look(w.env, tick)
  const active = (await sight?.entries())?.filter(({ life }) => life === 'active')
  expect(active).toHaveLength(AGENTS - DEAD)
})
