// The search finds an order where there is one, and none where a history was broken on purpose.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { linearize, type Operation } from './linearizability.ts'
import { LEDGER, type LedgerInput, OFFER, SESSION } from './linearizability-models.ts'

function op<Input>(calledAt: number, answeredAt: number | undefined, input: Input): Operation<Input> {
  return { calledAt, answeredAt, input }
}

const read = (version: number) => ({ do: 'read', version }) as const
const write = (expects: number) => ({ do: 'write', expects }) as const

describe('ledgers', () => {
  test('calls that overlap may be told in either order', () => {
    const history = [op(0, 10, write(0)), op(5, 6, read(0)), op(7, 9, read(1)), op(8, 20, write(1))]
    expect(linearize(history, LEDGER).kind).toBe('linearizable')
  })

  test('planted: a read that began after a write was answered does not see it', () => {
    const history = [op(0, 10, write(0)), op(11, 12, read(0))]
    expect(linearize(history, LEDGER).kind).toBe('impossible')
  })

  test('planted: two writers both succeed on one version', () => {
    const history = [op(0, 1, write(0)), op(2, 9, write(1)), op(3, 8, write(1))]
    expect(linearize(history, LEDGER).kind).toBe('impossible')
  })

  test('planted: what was read goes back', () => {
    const history = [op(0, 1, write(0)), op(2, 9, write(1)), op(3, 4, read(2)), op(5, 6, read(1))]
    const verdict = linearize(history, LEDGER)
    expect(verdict).toMatchObject({ kind: 'impossible' })
  })

  test('planted: a conflict where nothing had changed', () => {
    const history = [op(0, 1, write(0)), op(2, 3, { do: 'conflict', expects: 1 } as const)]
    expect(linearize(history, LEDGER).kind).toBe('impossible')
  })

  test('H1: a write that was tried again and overwritten hears of a conflict with itself', () => {
    const conflict = op<LedgerInput>(0, 9, { do: 'conflict', expects: 0, isAlone: true })
    const over = op(4, 5, write(1))
    expect(linearize([conflict, over], LEDGER).kind).toBe('linearizable')
    expect(linearize([conflict, over, op(10, 11, read(1))], LEDGER).kind).toBe('impossible')
  })

  test('H1: a write without an answer took effect later, or never', () => {
    const lost = op<LedgerInput>(0, undefined, write(0))
    expect(linearize([lost, op(50, 51, read(0)), op(60, 61, read(1))], LEDGER).kind).toBe('linearizable')
    expect(linearize([lost, op(50, 51, read(0))], LEDGER).kind).toBe('linearizable')
    expect(linearize([lost, op(50, 51, read(2))], LEDGER).kind).toBe('impossible')
  })

  test('every history that was made by a sequence is linearizable, and not once an answered write is forgotten', () => {
    const calls = fc.array(fc.record({ isWrite: fc.boolean(), before: fc.nat(30), after: fc.nat(30) }), {
      maxLength: 60,
    })
    fc.assert(
      fc.property(calls, (made) => {
        let version = 0
        const history = made.map(({ isWrite, before, after }, index): Operation<LedgerInput> => {
          const input = isWrite ? write(version++) : read(version)
          return op(index * 10 - before, index * 10 + after, input)
        })
        const last = op<LedgerInput>(10_000, 10_001, read(version))
        expect(linearize([...history, last], LEDGER).kind).toBe('linearizable')
        const stale = op<LedgerInput>(10_000, 10_001, read(version - 1))
        expect(linearize([...history, stale], LEDGER).kind).toBe('impossible')
      }),
    )
  })
})

describe('offers', () => {
  const launch = (accept: string) => ({ do: 'launch', accept }) as const

  test('of two ACCEPTs at once one is refused', () => {
    const history = [op(0, 9, launch('a')), op(0, 9, { do: 'refused', accept: 'b' } as const)]
    expect(linearize(history, OFFER).kind).toBe('linearizable')
  })

  test('S2, planted: two ACCEPTs launch on one offer', () => {
    const history = [op(0, 9, launch('a')), op(0, 9, launch('b'))]
    expect(linearize(history, OFFER).kind).toBe('impossible')
  })

  test('S2, planted: an offer is good after it was declined', () => {
    const history = [op(0, 3, { do: 'decline' } as const), op(4, 9, launch('b'))]
    expect(linearize(history, OFFER).kind).toBe('impossible')
  })
})

describe('sessions', () => {
  const subscribe = (stream: string) => ({ do: 'subscribe', stream }) as const
  const accepted = (stream: string) => ({ do: 'accepted', stream }) as const
  const refused = (stream: string) => ({ do: 'refused', stream }) as const

  test('a call during a takeover is judged by either session', () => {
    const history = [
      op(0, 1, subscribe('a')),
      op(5, 20, subscribe('b')),
      op(6, 15, accepted('a')),
      op(16, 18, refused('a')),
      op(21, 22, accepted('b')),
    ]
    expect(linearize(history, SESSION).kind).toBe('linearizable')
  })

  test('S19, planted: the replaced session is still heard', () => {
    const history = [op(0, 1, subscribe('a')), op(5, 9, subscribe('b')), op(10, 15, accepted('a'))]
    expect(linearize(history, SESSION).kind).toBe('impossible')
  })

  test('S19, planted: a session that was refused is accepted again', () => {
    const history = [op(0, 1, subscribe('a')), op(5, 9, refused('a')), op(10, 15, accepted('a'))]
    expect(linearize(history, SESSION).kind).toBe('impossible')
  })
})
