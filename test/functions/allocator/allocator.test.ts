// Turns of allocation over a table: what is committed, what is told, and who may be in the way of whom.
import { describe, expect, test } from 'vitest'
import { allocate, allocateBatch } from '../../../functions/allocator/handler.ts'
import { frameworkBell } from '../../../functions/tell.ts'
import { unsound } from '../../../master/accounting.ts'
import type { Mail } from '../../../master/model.ts'
import { agentOf } from '../../../master/offers.ts'
import type { Store } from '../../../store/store.ts'
import { agent, cpusMem, framework } from '../../master/allocator/world.ts'
import { type Place, place } from './place.ts'

const A = 'cluster-Sa'
const B = 'cluster-Sb'
const C = 'cluster-Sc'

function offersIn(mail: readonly Mail[]) {
  return mail.flatMap(({ body }) => (body.kind === 'offer' ? [body.offer] : []))
}

function withdrawnIn(mail: readonly Mail[]): readonly string[] {
  return mail.flatMap(({ body }) => (body.kind === 'withdrawn' ? [body.offerId] : []))
}

describe('a turn', () => {
  test('C59, C61, C63: ledger, letter and bell', async () => {
    const { env, put, ledger, mail, clock } = place()
    await put(agent(A, cpusMem(4, 4096)), framework('f', { roles: ['x'], epoch: 3 }))
    const rung = env.bells.wait(frameworkBell('f'), 60_000)
    await allocate(env)
    await rung

    const [offer] = offersIn(await mail('f'))
    expect(offer).toMatchObject({
      framework_id: { value: 'f' },
      agent_id: { value: A },
      hostname: `${A}.example`,
      url: {
        scheme: 'http',
        address: { hostname: `${A}.example`, ip: '10.0.0.1', port: 5051 },
        path: '/slave(1)',
      },
      allocation_info: { role: 'x' },
    })
    expect(offer?.resources?.map(({ allocation_info }) => allocation_info)).toEqual([
      { role: 'x' },
      { role: 'x' },
    ])
    const offerId = offer?.id.value ?? ''
    expect(agentOf(offerId)).toBe(A)
    const { offers } = await ledger(A)
    expect(offers).toEqual({
      [offerId]: {
        frameworkId: 'f',
        role: 'x',
        epoch: 3,
        resources: cpusMem(4, 4096),
        expiresAt: clock.now() + env.settings.offerTimeoutMs,
      },
    })
    expect((await mail('f'))[0]?.body).toMatchObject({ epoch: 3 })
  })

  test('a second turn finds nothing to do and writes nothing', async () => {
    const { env, put, ledger } = place()
    await put(agent(A, cpusMem(4, 4096)), framework('f'))
    await allocate(env)
    const before = [await ledger(A), await env.store.get('allocation', {})]
    await allocateBatch(env, [])
    expect([await ledger(A), await env.store.get('allocation', {})]).toEqual(before)
  })

  test('an idle turn reads the frameworks, the index, and the lease with the ledgers, once each', async () => {
    const reads: string[] = []
    const { env, put } = place((store) => counted(store, reads))
    await put(agent(A, cpusMem(4, 4096)), agent(B, cpusMem(4, 4096)), framework('f'))
    await allocate(env)
    reads.length = 0
    await allocate(env)
    expect(reads.sort()).toEqual(['load allocation, ledger, ledger', 'query agents', 'query frameworks'])
  })

  test('F74: an expired offer is rescinded and the resources are offered again, in one write', async () => {
    const { env, put, ledger, mail, clock } = place()
    await put(agent(A, cpusMem(4, 4096)), framework('f'))
    await allocate(env)
    const [first] = offersIn(await mail('f'))
    clock.time += env.settings.offerTimeoutMs
    const before = (await ledger(A)).version
    await allocate(env)
    expect(withdrawnIn(await mail('f'))).toEqual([first?.id.value])
    const [second] = offersIn(await mail('f'))
    expect(second?.id.value).not.toBe(first?.id.value)
    expect(Object.keys((await ledger(A)).offers)).toEqual([second?.id.value])
    expect((await ledger(A)).version).toBe(before + 1)
  })

  test('offers of an older session are swept without a word and go to the present one', async () => {
    const { env, put, ledger, mail } = place()
    await put(agent(A, cpusMem(4, 4096)), framework('f'))
    await allocate(env)
    const [old] = offersIn(await mail('f'))
    await put({ ...framework('f', { epoch: 2 }), version: 1 })
    await allocate(env)
    const offers = (await ledger(A)).offers
    expect(Object.values(offers).map(({ epoch }) => epoch)).toEqual([2])
    expect(Object.keys(offers)).not.toContain(old?.id.value)
    expect(withdrawnIn(await mail('f'))).toEqual([])
  })

  test('accept-after-takeover: a framework that moved on meanwhile gets nothing of the old session', async () => {
    const { env, put, ledger } = place((store) => ({
      ...store,
      // The framework is read as it was before its takeover.
      async query(partition, ref, options) {
        const page = await store.query(partition, ref, options)
        if (partition !== 'frameworks') return page
        const found = page.found.map((each) =>
          'epoch' in each.item ? { ...each, item: { ...each.item, epoch: 1 } } : each,
        )
        return { ...page, found } as typeof page
      },
    }))
    await put(agent(A, cpusMem(4, 4096)), framework('f', { epoch: 2 }))
    await allocate(env)
    expect((await ledger(A)).offers).toEqual({})
  })

  test('live executors of the framework are named, those of others are not', async () => {
    const { env, put, mail } = place()
    await put(
      agent(A, cpusMem(4, 4096), { ledger: { sums: { f: { '*': cpusMem(1, 1024) } } } }),
      framework('f'),
    )
    for (const [frameworkId, executorId, wanted] of [
      ['f', 'lives', 'run'],
      ['f', 'ends', 'end'],
      ['g', 'foreign', 'run'],
    ] as const) {
      const info = { executor_id: { value: executorId } }
      const item = { version: 0, agentId: A, frameworkId, executorId, info, role: '*', charged: [], wanted }
      await env.store.commit([{ do: 'put', kind: 'executor', item, when: { name: 'absent' } }], executorId)
    }
    await allocate(env)
    expect(offersIn(await mail('f'))[0]?.executor_ids).toEqual([{ value: 'lives' }])
  })

  test('who was served is remembered: a framework that declines everything is not always first', async () => {
    const { env, put, ledger } = place()
    await put(agent(A, cpusMem(4, 4096)), framework('f'), framework('g'))
    const served: string[] = []
    for (let round = 0; round < 4; round++) {
      await allocate(env)
      const now = await ledger(A)
      served.push(...Object.values(now.offers).map(({ frameworkId }) => frameworkId))
      await env.store.commit(
        [{ do: 'put', kind: 'ledger', item: { ...now, offers: {} }, when: { name: 'unchanged' } }],
        `round ${round}`,
      )
    }
    expect(served).toEqual(['f', 'g', 'f', 'g'])
  })

  test('A30: what comes back unused at once is offered three times a second, not more; others get it', async () => {
    const { env, put, ledger, clock } = place()
    await put(agent(A, cpusMem(4, 4096)), framework('f'))
    let offers = 0
    const giveBack = async () => {
      await allocate(env)
      const now = await ledger(A)
      offers += Object.keys(now.offers).length
      const item = { ...now, offers: {} }
      await env.store.commit(
        [{ do: 'put', kind: 'ledger', item, when: { name: 'unchanged' } }],
        env.ids.uuid(),
      )
    }
    for (let round = 0; round < 10; round++) await giveBack()
    expect(offers).toBe(3)
    await put(framework('g'))
    await giveBack()
    expect(offers).toBe(4)
    clock.time += 1_000
    for (let round = 0; round < 10; round++) await giveBack()
    expect(offers).toBe(10)
    // A launch in between makes it another offer.
    const now = await ledger(A)
    const item = { ...now, generation: 2 }
    await env.store.commit([{ do: 'put', kind: 'ledger', item, when: { name: 'unchanged' } }], 'launched')
    await giveBack()
    expect(offers).toBe(11)
  })

  test('many void offers are rescinded over several turns, and nothing is offered before all are', async () => {
    const { env, put, ledger, mail, clock } = place()
    const offers = Object.fromEntries(
      Array.from({ length: 100 }, (_, index) => [
        `cluster-Oa.${index}`,
        { frameworkId: 'f', role: '*', epoch: 1, resources: cpusMem(0.04, 40.96), expiresAt: clock.now() },
      ]),
    )
    await put(agent(A, cpusMem(4, 4096), { ledger: { offers } }), framework('f'))
    await allocate(env)
    expect(Object.keys((await ledger(A)).offers).length).toBe(52)
    await allocate(env)
    await allocate(env)
    expect(Object.keys((await ledger(A)).offers).length).toBe(1)
    expect(withdrawnIn(await mail('f'))).toHaveLength(100)
    expect(offersIn(await mail('f'))).toHaveLength(1)
  })
})

describe('turns in each other’s way', () => {
  test('many at once: one runs, and one more for all who asked meanwhile', async () => {
    const reads: string[] = []
    const { env, put } = place((store) => counted(store, reads))
    await put(agent(A, cpusMem(4, 4096)), framework('f'))
    await Promise.all(Array.from({ length: 20 }, () => allocate(env)))
    expect(reads.filter((read) => read === 'query frameworks')).toHaveLength(2)
  })

  test('two allocators at once give nothing twice', async () => {
    for (let round = 0; round < 20; round++) {
      const there = place()
      await there.put(
        ...Array.from({ length: 5 }, (_, index) => agent(`cluster-S${index}`, cpusMem(4, 4096))),
        framework('f'),
        framework('g'),
      )
      await Promise.all([allocate(there.env), allocate(another(there)), allocate(another(there))])
      await allocate(there.env)
      for (let index = 0; index < 5; index++) {
        const now = await there.ledger(`cluster-S${index}`)
        expect(unsound(now)).toBeUndefined()
        expect(Object.keys(now.offers)).toHaveLength(1)
      }
      expect((await there.env.store.get('allocation', {}))?.holder).toBeUndefined()
    }
  })

  test('nudge-during-turn: who finds the lease taken raises `wanted`, and the holder looks again', async () => {
    let during: (() => Promise<void>) | undefined
    const there = place((store) => ({
      ...store,
      async commit(changes, token) {
        const result = await store.commit(changes, token)
        // Another agent arrives while the first turn commits, and another process is nudged for it.
        if (changes.some(({ kind }) => kind === 'mail') && during !== undefined) {
          const action = during
          during = undefined
          await action()
        }
        return result
      },
    }))
    await there.put(agent(A, cpusMem(4, 4096)), agent(B, cpusMem(4, 4096)), framework('f'))
    let wanted = 0
    during = async () => {
      await there.put(agent(C, cpusMem(4, 4096)))
      await allocate(another(there))
      wanted = (await there.env.store.get('allocation', {}))?.wanted ?? 0
      expect((await there.ledger(C)).offers).toEqual({})
    }
    await allocate(there.env)
    expect(wanted).toBe(1)
    expect(Object.keys((await there.ledger(C)).offers)).toHaveLength(1)
    expect((await there.env.store.get('allocation', {}))?.holder).toBeUndefined()
  })

  test('a turn over one agent is one write, and void when another turn came between', async () => {
    let between: (() => Promise<void>) | undefined
    let commits = 0
    const there = place((store) => ({
      ...store,
      async commit(changes, token) {
        commits++
        const action = between
        between = undefined
        await action?.()
        return store.commit(changes, token)
      },
    }))
    await there.put(agent(A, cpusMem(4, 4096)), framework('f'), framework('g'))
    commits = 0
    between = async () => {
      await allocate(another(there))
    }
    await allocate(there.env)
    expect(Object.keys((await there.ledger(A)).offers)).toHaveLength(1)
    // The one that came between, and the one that then found nothing left to do.
    expect(commits).toBe(2)
    expect((await there.env.store.get('allocation', {}))?.recent).toEqual([{ frameworkId: 'f', role: '*' }])
  })

  test('takeover: the lease of an allocator that died is taken when it is over, with a higher fence', async () => {
    const there = place()
    await there.put(agent(A, cpusMem(4, 4096)), framework('f'))
    const item = { version: 0, fence: 7, holder: 'dead', expiresAt: there.clock.now() + 5_000, wanted: 0 }
    await there.env.store.commit([{ do: 'put', kind: 'allocation', item, when: { name: 'absent' } }], 'x')
    await allocate(there.env)
    expect((await there.ledger(A)).offers).toEqual({})
    there.clock.time += 5_000
    await allocate(there.env)
    expect(Object.keys((await there.ledger(A)).offers)).toHaveLength(1)
    expect((await there.env.store.get('allocation', {}))?.fence).toBe(8)
  })

  test('an agent that changes meanwhile costs the others nothing and is looked at once more', async () => {
    let meddle = true
    const there = place((store) => ({
      ...store,
      async commit(changes, token) {
        const ledger = changes.find((change) => change.kind === 'ledger')
        if (meddle && ledger?.do === 'put' && ledger.item.agentId === A && token !== 'meddler') {
          meddle = false
          const now = await store.get('ledger', { agentId: A })
          if (now !== undefined) {
            const item = { ...now, total: cpusMem(2, 2048) }
            await store.commit([{ do: 'put', kind: 'ledger', item, when: { name: 'unchanged' } }], 'meddler')
          }
        }
        return store.commit(changes, token)
      },
    }))
    meddle = false
    await there.put(agent(A, cpusMem(4, 4096)), agent(B, cpusMem(4, 4096)), framework('f'))
    meddle = true
    await allocate(there.env)
    expect(Object.values((await there.ledger(A)).offers).map(({ resources }) => resources)).toEqual([
      cpusMem(2, 2048),
    ])
    expect(Object.keys((await there.ledger(B)).offers)).toHaveLength(1)
  })

  test('a table that is away fails the batch, and the next one finds all as it was', async () => {
    let away = true
    const there = place((store) => ({
      ...store,
      async commit(changes, token) {
        if (away && changes.some(({ kind }) => kind === 'mail')) throw new Error('the table is away')
        return store.commit(changes, token)
      },
    }))
    await there.put(agent(A, cpusMem(4, 4096)), framework('f'))
    await expect(allocateBatch(there.env, [])).rejects.toThrow('away')
    away = false
    await allocate(there.env)
    expect(Object.keys((await there.ledger(A)).offers)).toHaveLength(1)
  })
})

/** The same table seen by another process. */
function another(there: Place): Place['env'] {
  return { ...there.env }
}

function counted(store: Store, reads: string[]): Store {
  return {
    ...store,
    get(kind, ref) {
      reads.push(`get ${kind}`)
      return store.get(kind, ref)
    },
    getMany(kind, refs) {
      if (refs.length > 0) reads.push(`getMany ${kind}`)
      return store.getMany(kind, refs)
    },
    load(refs) {
      reads.push(`load ${refs.map(({ kind }) => kind).join(', ')}`)
      return store.load(refs)
    },
    query(partition, ref, options) {
      reads.push(`query ${partition}`)
      return store.query(partition, ref, options)
    },
  }
}
