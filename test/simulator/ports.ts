// Store and queues as one process sees them: with latency, the faults of the weather, and its own death in between.
import type { MessageSource } from '../../functions/ports/message-source.ts'
import type { Refs } from '../../master/decision.ts'
import { type Store, StoreUnavailable } from '../../store/store.ts'
import type { Histories } from './linearizability-histories.ts'
import type { SimProcess } from './process.ts'
import type { Story } from './story.ts'
import type { Weather } from './weather.ts'

export interface PortFaults {
  readonly weather: Weather
  readonly story: Story
  /** Told what hosts that answer calls read of ledgers, and what anybody writes there. */
  readonly histories?: Histories | undefined
}

/** As the adapter for DynamoDB gives up: after its budget, with or without effect. */
const GIVE_UP_MS = 4_000

/** The store over `inner` for one process. */
export function storeFor(process: SimProcess, inner: Store, faults: PortFaults): Store {
  const { weather, story } = faults
  const { chance } = process

  async function call<T>(name: string, work: () => Promise<T>): Promise<T> {
    const { rates } = weather
    if (dies(rates.crash)) story.tell(`FAULT ${process.name} dies before ${name}`)
    if (chance.happens(rates.pause)) {
      const ms = chance.between(1_000, 60_000)
      story.tell(`FAULT ${process.name} sleeps for ${Math.round(ms / 1000)} s before ${name}`)
      process.pause(ms)
    }
    return await process.ask(async () => {
      const isRead = name !== 'commit'
      // Read on arrival or just before the answer; what arrives early is old when it is heard.
      const early = isRead && chance.happens(0.5) && !weather.isStoreAway() ? work() : undefined
      // Whoever waits for it hears how it failed.
      early?.catch(() => {})
      await process.wait(chance.between(1, isRead ? 11 : 6))
      if (weather.isStoreAway() || chance.happens(rates.storeLost)) {
        await process.wait(chance.between(100, GIVE_UP_MS))
        throw new StoreUnavailable(`${name}: the table did not answer (simulated)`)
      }
      if (chance.happens(rates.storeSlow)) await process.wait(chance.between(20, 2_000))
      const value = await (early ?? work())
      if (isRead) return value
      if (dies(rates.crash)) story.tell(`FAULT ${process.name} dies after a commit`)
      if (chance.happens(rates.answerLost)) {
        await process.wait(chance.between(100, GIVE_UP_MS))
        story.tell(`FAULT ${process.name} does not hear that its commit took effect`)
        throw new StoreUnavailable('commit: its answer was lost (simulated)')
      }
      await process.wait(chance.between(1, 6))
      return value
    })
  }

  function dies(probability: number): boolean {
    if (!chance.happens(probability)) return false
    process.die()
    return true
  }

  const faulty: Store = {
    get: (kind, ref) => call(`get ${kind}`, () => inner.get(kind, ref)),
    getMany: (kind, refs) => call(`getMany ${kind}`, () => inner.getMany(kind, refs)),
    load: (refs) => call('load', () => inner.load(refs)),
    query: (partition, ref, options) =>
      call(`query ${partition}`, () => inner.query(partition, ref, options)),
    commit: (changes, token) =>
      call('commit', async () => {
        const result = await inner.commit(changes, token)
        if (!chance.happens(weather.rates.triedAgain)) return result
        await process.wait(chance.between(20, 1_500))
        // A transaction has its token for ten minutes; a single write has only the evidence in its row (H1).
        if (changes.length > 1 && result.kind === 'committed') return result
        return await inner.commit(changes, token)
      }),
  }
  const { histories } = faults
  return histories === undefined ? faulty : recorded(faulty, histories, process.name.startsWith('front'))
}

function recorded(store: Store, histories: Histories, isRead: boolean): Store {
  const commit: Store['commit'] = async (changes, token) => {
    const answered = histories.committing(changes)
    const result = await store.commit(changes, token)
    answered(result)
    return result
  }
  if (!isRead) return { ...store, commit }
  return {
    ...store,
    commit,
    get: async (kind, ref) => {
      const calledAt = histories.now()
      const item = await store.get(kind, ref)
      // A ref of a ledger names its agent.
      if (kind === 'ledger') histories.ledgerRead((ref as Refs['ledger']).agentId, item?.version, calledAt)
      return item
    },
    load: async (refs) => {
      const calledAt = histories.now()
      const items = await store.load(refs)
      refs.forEach((one, index) => {
        // As many items as refs, in their order.
        const item = (items as readonly ({ readonly version: number } | undefined)[])[index]
        if (one.kind === 'ledger') histories.ledgerRead(one.ref.agentId, item?.version, calledAt)
      })
      return items
    },
  }
}

/** The queues for one process, or for an agent's. */
export function queuesFor(
  process: SimProcess,
  inner: MessageSource,
  { weather, story }: PortFaults,
): MessageSource {
  const { chance } = process

  async function call<T>(name: string, work: () => Promise<T>): Promise<T> {
    const { rates } = weather
    if (chance.happens(rates.crash)) {
      story.tell(`FAULT ${process.name} dies before ${name}`)
      process.die()
    }
    return await process.ask(async () => {
      await process.wait(chance.between(1, 10))
      if (weather.areQueuesAway()) {
        await process.wait(chance.between(100, GIVE_UP_MS))
        throw new Error(`${name}: the queue did not answer (simulated)`)
      }
      return await work()
    })
  }

  /** A standard queue repeats, delays, reorders; a message can be lost on its way in or expire. */
  async function deliver(send: () => Promise<void>): Promise<void> {
    const { rates } = weather
    if (chance.happens(rates.queueDropped)) return
    const copies = chance.happens(rates.queueRepeated) ? chance.whole(2, 4) : 1
    for (let copy = 0; copy < copies; copy++) {
      const late = chance.happens(rates.queueDelayed) || copy > 0
      // Delivery is the queue's affair: it goes on when the sender has died.
      if (late) process.time.after(chance.between(10, 120_000), () => void send())
      else await send()
    }
  }

  return {
    ...inner,
    clock: process,
    send: (queue, body, options) =>
      call(`send ${queue}`, async () => {
        if (queue !== 'heartbeats') return await deliver(() => inner.send(queue, body, options))
        // A FIFO queue keeps order and drops repeats; a sender may only fail.
        if (!chance.happens(weather.rates.queueDropped)) return await inner.send(queue, body, options)
        throw new Error('heartbeats: the queue did not take it (simulated)')
      }),
    sendToAgent: (agentId, body) =>
      call('send to agent', () => deliver(() => inner.sendToAgent(agentId, body))),
    sendTo: (queue, body, options) => call('sendTo', () => inner.sendTo(queue, body, options)),
    ensureAgentQueue: (agentId) => call('ensure queue', () => inner.ensureAgentQueue(agentId)),
    receive: (queue, options) => call('receive', () => inner.receive(queue, options)),
    remove: (queue, messages) => call('remove', () => inner.remove(queue, messages)),
    putBack: (queue, messages, ms) => call('put back', () => inner.putBack(queue, messages, ms)),
  }
}
