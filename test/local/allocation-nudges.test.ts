// Nudges to the allocator on one machine: what they say is looked at, and everything each second, however many come.
import { describe, expect, test } from 'vitest'
import { memoryQueues } from '../../functions/ports/queues-memory.ts'
import { allocationNudges } from '../../local/allocation-nudges.ts'
import type { Clock } from '../../protocol/clock.ts'

/** Time moves when a turn says so; who waits is woken by hand. */
function stopped(): Clock & { time: number; fire(): void } {
  const waiting = new Set<() => void>()
  return {
    time: 1_000_000,
    now() {
      return this.time
    },
    after(_ms, action) {
      waiting.add(action)
      return () => void waiting.delete(action)
    },
    fire() {
      for (const action of [...waiting]) action()
      waiting.clear()
    },
  }
}

const quiet = { info() {}, warn() {}, error() {} }

/** Runs so many turns; `during` is called in each with its number. */
async function turns(
  count: number,
  during: (
    turn: number,
    clock: ReturnType<typeof stopped>,
    nudge: (body: string) => Promise<void>,
  ) => unknown,
): Promise<readonly (readonly string[])[]> {
  const clock = stopped()
  const nudges = allocationNudges(memoryQueues(clock))
  const ending = new AbortController()
  const said: string[][] = []
  const nudge = (body: string) => nudges.queues.send('allocate', body)
  await nudges.run(
    async (batch) => {
      said.push(batch.map(({ body }) => body))
      if (said.length === count) ending.abort()
      await during(said.length, clock, nudge)
    },
    clock,
    quiet,
    ending.signal,
  )
  return said
}

describe('turns', () => {
  test('the first looks at everything, the next at what was said meanwhile', async () => {
    const said = await turns(2, async (turn, _, nudge) => {
      if (turn > 1) return
      await nudge('a')
      await nudge('b')
    })
    expect(said).toEqual([[], ['a', 'b']])
  })

  test('nudges without end do not keep it from looking at everything each second', async () => {
    const said = await turns(6, async (_, clock, nudge) => {
      clock.time += 400
      await nudge('a')
    })
    expect(said).toEqual([[], ['a'], ['a'], [], ['a'], ['a']])
  })

  test('what a turn that failed was told is made good: the next one looks at everything', async () => {
    const said = await turns(3, async (turn, _, nudge) => {
      if (turn < 3) await nudge('a')
      if (turn === 2) throw new Error('the table is away')
    })
    expect(said).toEqual([[], ['a'], []])
  })

  test('a clock that was set back does not stop it', async () => {
    const said = await turns(2, async (_, clock, nudge) => {
      clock.time -= 60_000
      await nudge('a')
    })
    expect(said).toEqual([[], []])
  })
})
