// Turns that look at a part: what nudges and looks ask for, what that costs to read, and that nothing is missed for it.
import { describe, expect, test } from 'vitest'
import { allocate, allocateBatch } from '../../../functions/allocator/handler.ts'
import { lookOf, nudgeAfter, scopeOf, together, WHOLE } from '../../../functions/allocator/scope.ts'
import type { Environment } from '../../../functions/environment.ts'
import type { MessageSource } from '../../../functions/ports/message-source.ts'
import { tell } from '../../../functions/tell.ts'
import type { Change } from '../../../master/decision.ts'
import type { Framework, Ledger } from '../../../master/model.ts'
import { type Counted, counted } from '../../../store/counting.ts'
import { agent, cpusMem, framework } from '../../master/allocator/world.ts'
import { type Place, place } from './place.ts'

const AGENTS = 30
const LOOKS = 3
const ids = Array.from({ length: AGENTS }, (_, index) => `cluster-S${index}`)
const [A = '', B = ''] = ids

describe('what is asked for', () => {
  const ledger = agent(A, cpusMem(4, 4096)).ledger
  const put: Change = { do: 'put', kind: 'ledger', item: ledger, when: { name: 'unchanged' } }

  test('a nudge names the agents whose ledgers were written', () => {
    const gate = { frameworkId: 'f', index: 0 }
    const check: Change = { do: 'check', kind: 'gate', item: gate, when: { name: 'epoch', epoch: 1 } }
    expect(scopeOf([{ body: nudgeAfter([check, put]) }])).toEqual({
      ...WHOLE,
      isWhole: false,
      agents: new Set([A]),
    })
  })

  test('what a framework did may have to do with any agent', () => {
    const moved: Change = { do: 'put', kind: 'framework', item: framework('f'), when: { name: 'unchanged' } }
    expect(nudgeAfter([moved])).toBe('{}')
    expect(nudgeAfter([moved, put])).toBe('{}')
    expect(nudgeAfter([])).toBe('{}')
  })

  test('looks are the parts of a round, one after the other', () => {
    const parts = [0, 1, 2, 3].flatMap((number) => scopeOf([{ body: lookOf(number, 3) }]).parts)
    expect(parts.map(({ place }) => place)).toEqual([0, 1, 2, 0])
    expect(scopeOf([{ body: lookOf(4, 1) }])).toEqual(WHOLE)
  })

  test.each([
    '',
    'no json',
    'null',
    '[]',
    '{}',
    '{"agents":[]}',
    '{"agents":[1]}',
    '{"agents":[""]}',
    `{"agents":["${'x'.repeat(256)}"]}`,
    JSON.stringify({ agents: Array.from({ length: 101 }, (_, index) => `S${index}`) }),
    '{"part":{"place":3,"places":3}}',
    '{"part":{"place":-1,"places":3}}',
    '{"part":{"place":0,"places":1e9}}',
    '{"part":null}',
  ])('A13: anything else asks for everything: %j', (body) => {
    expect(scopeOf([{ body }])).toEqual(WHOLE)
  })

  test('a batch asks for all that its messages ask for', () => {
    const named = (...agents: string[]) => ({ body: JSON.stringify({ agents }) })
    expect(scopeOf([named('a', 'b'), named('b'), { body: lookOf(1, 2) }])).toEqual({
      isWhole: false,
      agents: new Set(['a', 'b']),
      parts: [{ place: 1, places: 2 }],
    })
    expect(scopeOf([named('a'), { body: '{}' }]).isWhole).toBe(true)
    expect(scopeOf([])).toEqual(WHOLE)
    const many = Array.from({ length: 101 }, (_, index) => scopeOf([named(`S${index}`)]))
    expect(together(many)).toEqual(WHOLE)
  })

  test('tell says it in the message', async () => {
    const { env } = place()
    await tell(env, [{ tell: 'allocator' }], [put])
    await tell(env, [{ tell: 'allocator' }])
    // A place has the queues in memory.
    const said = await (env.queues as MessageSource).receive('allocate', { waitMs: 0 })
    expect(said.map(({ body }) => body)).toEqual([JSON.stringify({ agents: [A] }), '{}'])
  })
})

describe('R13 what is read', () => {
  test('a nudge about one agent reads one ledger, whatever there is besides', async () => {
    const { there, ask, reads } = await full()
    await free(there, A)
    reads.reset()
    await ask(JSON.stringify({ agents: [A] }))
    const asked = Object.keys(reads.counts()).filter((name) => !name.startsWith('commit'))
    expect(asked.sort()).toEqual(['load allocation, ledger', 'query frameworks'])
    expect(await offered(there, A)).toBe('f')
  })

  test('a round of looks reads every ledger once, and the index once', async () => {
    const { ask, reads } = await full()
    reads.reset()
    for (let look = 0; look < LOOKS; look++) await ask(lookOf(look, LOOKS))
    const counts = reads.counts()
    expect(counts['query agents']?.calls).toBe(1)
    const ledgers = Object.entries(counts).flatMap(([name]) => /ledger ×(\d+)/.exec(name)?.[1] ?? [])
    expect(ledgers.reduce((sum, count) => sum + Number(count), 0)).toBe(AGENTS)
  })

  test('a process that has read nothing yet reads all, whatever it is asked for', async () => {
    const { there } = await full()
    await free(there, A)
    await free(there, B)
    await allocate({ ...there.env }, scopeOf([{ body: JSON.stringify({ agents: [A] }) }]))
    expect([await offered(there, A), await offered(there, B)]).toEqual(['f', 'f'])
  })
})

describe('nothing is missed', () => {
  test('L1 a nudge that got lost is made good by a round of looks', async () => {
    const { there, ask } = await full()
    await free(there, A)
    await ask(JSON.stringify({ agents: [B] }))
    expect(await offered(there, A)).toBeUndefined()
    for (let look = 0; look < LOOKS; look++) await ask(lookOf(look, LOOKS))
    expect(await offered(there, A)).toBe('f')
  })

  test('F75 a refusal that ended is found by the next look, whosever part that is', async () => {
    const { there, ask } = await full()
    const until = there.clock.now() + 5_000
    const refusal = { frameworkId: 'f', role: '*', resources: cpusMem(4, 4096), until, filterEpoch: 0 }
    await change(there, A, (ledger) => ({ ...ledger, offers: {}, refusals: [refusal] }))
    await ask(JSON.stringify({ agents: [A] }))
    expect(await offered(there, A)).toBeUndefined()
    for (let look = 0; look < LOOKS; look++) {
      there.clock.time += 6_000
      await ask(lookOf(look, LOOKS))
      expect(await offered(there, A), `look ${look}`).toBe('f')
      await change(there, A, (ledger) => ({
        ...ledger,
        offers: {},
        refusals: [{ ...refusal, until: there.clock.now() + 5_000 }],
      }))
      await ask(JSON.stringify({ agents: [A] }))
    }
  })

  test('an agent that registered is offered by its nudge, and without it within a round', async () => {
    const { there, ask } = await full()
    await there.put(agent('cluster-Snew', cpusMem(4, 4096)))
    await ask(JSON.stringify({ agents: ['cluster-Snew'] }))
    expect(await offered(there, 'cluster-Snew')).toBe('f')
    await there.put(agent('cluster-Squiet', cpusMem(4, 4096)))
    for (let look = 0; look < LOOKS; look++) await ask(lookOf(look, LOOKS))
    expect(await offered(there, 'cluster-Squiet')).toBe('f')
  })

  test('one that registered anew is offered by what it says now', async () => {
    const { there, ask } = await full()
    await free(there, A)
    const { ledger, entry } = agent(A, cpusMem(4, 4096), {
      entry: { info: { hostname: 'moved', port: 5051 } },
    })
    const item = { ...ledger, ...(await there.ledger(A)), incarnation: 2 }
    await there.env.store.commit(
      [
        { do: 'put', kind: 'ledger', item, when: { name: 'unchanged' } },
        { do: 'put', kind: 'agent', item: entry, when: { name: 'anything' } },
      ],
      'again',
    )
    await ask(JSON.stringify({ agents: [A] }))
    const hostnames = (await there.mail('f')).flatMap(({ body }) =>
      body.kind === 'offer' && body.offer.agent_id.value === A ? [body.offer.hostname] : [],
    )
    expect(hostnames.sort()).toEqual([`${A}.example`, 'moved'])
  })

  test('one that is gone is offered no more', async () => {
    const { there, ask } = await full()
    await change(there, A, (ledger) => ({ ...ledger, life: 'gone', offers: {} }))
    await ask(JSON.stringify({ agents: [A] }))
    for (let look = 0; look < LOOKS; look++) await ask(lookOf(look, LOOKS))
    expect(await offered(there, A)).toBeUndefined()
  })

  test('S1 another process has offered it meanwhile: the copies of this one give nothing twice', async () => {
    const { there, ask } = await full()
    await free(there, A)
    await allocate({ ...there.env })
    const [first] = Object.keys((await there.ledger(A)).offers)
    for (let look = 0; look < LOOKS; look++) await ask(lookOf(look, LOOKS))
    await ask(JSON.stringify({ agents: [A, B] }))
    expect(Object.keys((await there.ledger(A)).offers)).toEqual([first])
  })

  test('F77 what a turn offered counts in its next one: of two frameworks each gets half', async () => {
    const { there, ask } = await full([framework('f', { suppressedRoles: ['*'] })], cpusMem(1, 1024))
    await there.put({ ...framework('f'), version: 1 }, framework('g'))
    for (const id of ids) await ask(JSON.stringify({ agents: [id] }))
    const holders = await Promise.all(ids.map((id) => offered(there, id)))
    expect(holders.filter((holder) => holder === 'f')).toHaveLength(AGENTS / 2)
    expect(holders.filter((holder) => holder === 'g')).toHaveLength(AGENTS / 2)
  })

  test('a copy that no look came by for a minute is read by the next turn', async () => {
    const { there, ask } = await full()
    await free(there, A)
    there.clock.time += 61_000
    await ask(JSON.stringify({ agents: [B] }))
    expect(await offered(there, A)).toBe('f')
  })

  test('after a restore nothing is left of the copies: numbers have been turned back', async () => {
    const { there, ask, reads } = await full()
    const tick = {
      version: 0,
      number: 10_000_000_001,
      at: there.clock.now(),
      unbrokenSince: 0,
      removalTokens: 0,
    }
    await there.env.store.commit(
      [{ do: 'put', kind: 'tick', item: tick, when: { name: 'anything' } }],
      'tick',
    )
    there.clock.time += 3_000
    reads.reset()
    await ask(JSON.stringify({ agents: [A] }))
    expect(reads.counts()['query agents']?.calls).toBe(1)
  })

  test('nudge-during-turn: who was told to look again looks at everything', async () => {
    let during: (() => Promise<void>) | undefined
    const { there, ask } = await full([framework('f')], cpusMem(4, 4096), {
      async onCommit(changes) {
        if (!changes.some(({ kind }) => kind === 'mail')) return
        const action = during
        during = undefined
        await action?.()
      },
    })
    for (const id of [A, B, ids[2] ?? '']) await free(there, id)
    during = async () => {
      await allocate({ ...there.env })
    }
    await ask(JSON.stringify({ agents: [A, B] }))
    expect(await offered(there, ids[2] ?? '')).toBe('f')
  })
})

interface Full {
  readonly there: Place
  readonly reads: Counted
  /** A message of the queue. */
  ask(body: string): Promise<void>
}

/** Thirty agents, all offered as far as frameworks want; the process has read them all. */
async function full(
  frameworks: readonly Framework[] = [framework('f')],
  total = cpusMem(4, 4096),
  hooks: { readonly onCommit?: (changes: readonly Change[]) => Promise<void> } = {},
): Promise<Full> {
  let reads: Counted | undefined
  const there = place((store) => {
    reads = counted({
      ...store,
      async commit(changes, token) {
        const result = await store.commit(changes, token)
        await hooks.onCommit?.(changes)
        return result
      },
    })
    return reads.store
  })
  await there.put(...ids.map((id) => agent(id, total)), ...frameworks)
  await allocate(there.env)
  if (reads === undefined) throw new Error('the store was not wrapped')
  return { there, reads, ask: (body) => asked(there.env, body) }
}

async function asked(env: Environment, body: string): Promise<void> {
  expect(await allocateBatch(env, [{ id: '1', body, sentAt: 0, receiveCount: 1 }])).toEqual([])
}

function free(there: Place, agentId: string): Promise<void> {
  return change(there, agentId, (ledger) => ({ ...ledger, offers: {} }))
}

async function change(there: Place, agentId: string, to: (ledger: Ledger) => Ledger): Promise<void> {
  const item = to(await there.ledger(agentId))
  const { store, ids: random } = there.env
  const result = await store.commit(
    [{ do: 'put', kind: 'ledger', item, when: { name: 'unchanged' } }],
    random.uuid(),
  )
  expect(result.kind).toBe('committed')
}

/** The framework that is offered the agent. */
async function offered(there: Place, agentId: string): Promise<string | undefined> {
  return Object.values((await there.ledger(agentId)).offers)[0]?.frameworkId
}
