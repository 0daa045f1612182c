// The table that goes back in time, and what the checks believe afterwards: sound histories are left alone, others not.
import { describe, expect, test } from 'vitest'
import { memoryRows } from '../../store/memory.ts'
import { storeOver } from '../../store/over-rows.ts'
import { AGENT, newFramework, newLedger } from '../master/calls/world.ts'
import { backedUp, type Rewound } from './backups.ts'
import { history } from './checker-world.ts'
import { Chance, VirtualTime } from './virtual-time.ts'

const TIMELINE = 10_000_000_000

async function written(seed: number, tears: boolean) {
  const time = new VirtualTime(1_000_000)
  const rows = backedUp(memoryRows(), time)
  const store = storeOver(rows, time, { remembers: true })
  const both = (generation: number) => [
    {
      do: 'put',
      kind: 'ledger',
      item: newLedger({ generation, version: generation }),
      when: { name: 'anything' },
    } as const,
    {
      ...({ do: 'put', kind: 'framework', when: { name: 'anything' } } as const),
      item: newFramework({ epoch: generation, version: generation }),
    },
  ]
  for (const generation of [1, 2, 3]) {
    await store.commit(both(generation), `commit ${generation}`)
    await time.run(time.now() + 1_000, () => true)
  }
  // Between the first and the second.
  const done = await rows.goBack(1_000_500, tears, new Chance(seed, 'tears'))
  const generation = (await store.get('ledger', { agentId: AGENT }))?.generation
  const epoch = (await store.get('framework', newFramework()))?.epoch
  return { done, found: [generation, epoch] }
}

describe('going back', () => {
  test('F73: what was committed after the moment is undone, and everybody is told what', async () => {
    const { done, found } = await written(1, false)
    expect(found).toEqual([1, 1])
    expect(done).toMatchObject({ commits: 2, torn: undefined })
    expect(done.items.map(({ kind, was, is }) => [kind, was?.version, is?.version])).toEqual([
      ['ledger', 4, 2],
      ['framework', 4, 2],
    ])
  })

  test('restore-tears-a-transaction: of the first one behind the moment some rows may stay', async () => {
    const seen = new Set<string>()
    for (let seed = 0; seed < 40; seed++) seen.add(String((await written(seed, true)).found))
    expect([...seen].sort()).toEqual(['1,1', '1,2', '2,1', '2,2'])
  })
})

describe('what only grows', () => {
  const was = newLedger({ incarnation: 5, generation: 7 })
  const is = newLedger({ incarnation: 2, generation: 3 })
  const items: readonly Rewound[] = [{ kind: 'ledger', was, is }]
  const world = () => {
    const made = history()
    made.put('ledger', was)
    made.checker.restored({ asOf: 0, commits: 1, torn: undefined, items })
    return made
  }

  test('a new timeline is above all of before, and what is written as it stands changes nothing', () => {
    const { checker, put } = world()
    put('ledger', newLedger({ incarnation: 2, generation: TIMELINE + 1 }))
    put('ledger', newLedger({ incarnation: TIMELINE + 1, generation: TIMELINE + 2 }))
    expect(checker.first).toBeUndefined()
  })

  test('S8, planted: the restored table counts on where it stands', () => {
    const { checker, put } = world()
    put('ledger', newLedger({ incarnation: 3, generation: 4 }))
    expect(checker.first?.invariant).toBe('S8')
  })

  test('S8, planted: time goes on before the table is made right', () => {
    const { checker, put } = world()
    put('tick', { version: 1, number: 9, at: 1, unbrokenSince: 0, removalTokens: 0 })
    expect(checker.first?.invariant).toBe('S8')
  })
})
