// Planted bugs of calls, mailboxes and the allocator: sums, conditions, custody, gates, holds.

import type { Framework, Ledger, Mail, Task } from '../../master/model.ts'
import { sleep } from '../../protocol/clock.ts'
import type { Store } from '../../store/store.ts'
import type { Mutant } from './mutants.ts'
import { inFunctions, reads, remembering, unconditional, withStore, writes } from './planting.ts'

const SESSIONS = { takeOver: 4, killFramework: 3, teardown: 1, pauseHost: 2, killHost: 1 }

export const CONTROL_MUTANTS: readonly Mutant[] = [
  {
    name: 'unconditional-ledger',
    what: 'ledgers are written whatever stands there',
    mutation: unconditional(
      ['front', 'allocator', 'detector', 'heartbeats'],
      ({ kind, do: how }) => kind === 'ledger' && how === 'put',
    ),
  },
  {
    name: 'accept-not-atomic',
    what: 'a ledger is written apart from the tasks that it charges',
    mutation: inFunctions('front', (env) =>
      withStore(env, {
        commit: async (changes, token, store) => {
          const ledgers = changes.filter(({ kind, do: how }) => kind === 'ledger' && how === 'put')
          if (ledgers.length === 0 || ledgers.length === changes.length)
            return await store.commit(changes, token)
          const first = await store.commit(ledgers, token)
          if (first.kind !== 'committed') return first
          const others = changes.filter((change) => !ledgers.includes(change))
          return await store.commit(others, `${token}-`)
        },
      }),
    ),
  },
  {
    name: 'mail-removed-before-said',
    what: 'the reader removes what it is going to say',
    mutation: inFunctions('front', (env) => {
      const { store } = env
      const query: Store['query'] = async (partition, ref, options) => {
        const page = await store.query(partition, ref, options)
        for (const { kind, item } of page.found) {
          if (kind !== 'mail') continue
          const { frameworkId, shard, key, tag } = item as Mail
          const when = { name: 'tag', tag } as const
          await store.commit(
            [{ do: 'remove', kind, item: { frameworkId, shard, key }, when }],
            env.ids.uuid(),
          )
        }
        return page
      }
      return { ...env, store: { ...store, query } }
    }),
  },
  {
    name: 'mail-tag-ignored',
    what: 'the reader removes whatever stands where it has read what it said',
    mutation: unconditional('front', ({ kind, do: how, when }) => {
      return kind === 'mail' && how === 'remove' && when.name === 'tag'
    }),
    ground: { faults: { partition: 3, killAgent: 2 }, rates: { storeSlow: 0.4, pause: 0.005 } },
  },
  {
    name: 'custody-newest-first',
    what: 'the newest update of a task is put before the framework, and not the oldest',
    mutation: inFunctions('front', (env) =>
      withStore(env, {
        change: (change, all) => {
          if (change.do !== 'put' || change.kind !== 'mail' || change.item.body.kind !== 'update')
            return change
          const taskId = change.item.body.status.task_id.value
          const task = all.find(
            (one) => one.kind === 'task' && one.do === 'put' && one.item.taskId === taskId,
          )
          const newest = task?.kind === 'task' && task.do === 'put' ? task.item.custody.at(-1) : undefined
          if (newest === undefined) return change
          const { status, number } = newest
          return { ...change, item: { ...change.item, body: { kind: 'update', status, number } } }
        },
      }),
    ),
    ground: { faults: { silence: 2, killFramework: 2 } },
  },
  {
    name: 'acknowledged-too-much',
    what: 'an acknowledgement empties the custody of its task',
    mutation: inFunctions('front', (env) => {
      const tasks = remembering('task', keyOfTask)
      return withStore(env, {
        item: tasks.item,
        change: (change) => {
          if (change.do !== 'put' || change.kind !== 'task') return change
          const before = tasks.get(keyOfTask(change.item))?.custody.length ?? 0
          const isLess = change.item.custody.length < before
          return isLess ? { ...change, item: { ...change.item, custody: [] } } : change
        },
      })
    }),
    ground: { faults: { silence: 2, killFramework: 2 } },
  },
  {
    name: 'answer-before-write',
    what: 'one in thirty writes of a task is answered and never done',
    mutation: inFunctions('front', (env) =>
      withStore(env, {
        commit: async (changes, token, store) => {
          const isTask = changes.some((change) => change.kind === 'task' && change.do === 'put')
          if (isTask && (env.random?.() ?? 1) < 1 / 30) return { kind: 'committed' }
          return await store.commit(changes, token)
        },
      }),
    ),
  },
  {
    name: 'sessions-unfenced',
    what: 'frameworks are cached, and no gate is checked',
    mutation: inFunctions('front', (env) => {
      const cached = new Map<string, Framework>()
      return withStore(env, {
        change: (change) => (change.do === 'check' && change.kind === 'gate' ? undefined : change),
        item: (kind, item) => {
          if (kind !== 'framework') return item
          const framework = item as Framework
          const known = cached.get(framework.frameworkId)
          if (known === undefined) cached.set(framework.frameworkId, framework)
          return known ?? framework
        },
        commit: async (changes, token, store) => {
          const result = await store.commit(changes, token)
          const isOwn = changes.some((change) => change.kind === 'framework' && change.do === 'put')
          if (isOwn) cached.clear()
          return result
        },
      })
    }),
    ground: { faults: SESSIONS },
  },
  {
    name: 'gates-unchecked',
    what: 'calls do not check the gate of their framework, however long they sleep before their commit',
    mutation: inFunctions('front', (env) =>
      withStore(env, {
        change: (change) => (change.kind === 'gate' && change.do === 'check' ? undefined : change),
        commit: async (changes, token, store) => {
          if (changes.some(({ kind, do: how }) => kind === 'run' && how === 'put'))
            await sleep(env.clock, 3_000)
          return await store.commit(changes, token)
        },
      }),
    ),
    ground: { agents: 8, faults: { takeOver: 1 }, strikeMs: 6_000 },
  },
  {
    name: 'lease-unchecked',
    what: 'a reader goes on without looking whose the lease is',
    mutation: inFunctions('front', (env) => {
      const own = new Map<string, object>()
      return withStore(env, {
        item: (kind, item) => {
          const { frameworkId } = item as { frameworkId: string }
          if (kind !== 'lease' && kind !== 'gate' && kind !== 'framework') return item
          const key = `${kind} ${frameworkId}`
          if (!own.has(key)) own.set(key, item as object)
          return kind === 'framework' ? item : own.get(key)
        },
        change: (change) => {
          if (change.kind !== 'lease') return change
          return change.do === 'check' ? undefined : { ...change, when: { name: 'anything' } }
        },
      })
    }),
    ground: { faults: SESSIONS },
  },
  {
    name: 'kill-not-written',
    what: 'a KILL is answered and does not reach the wanted state',
    mutation: writes('front', 'run', (run) =>
      run.wanted === 'stop' ? { ...run, wanted: 'run', kills: 0 } : run,
    ),
  },
  {
    name: 'repeat-not-known',
    what: 'an ACCEPT that was taken before is judged anew',
    mutation: inFunctions('front', (env) =>
      withStore(env, {
        item: (kind, item) => {
          if (kind === 'ledger') return { ...(item as Ledger), accepts: [] }
          return kind === 'task' ? { ...(item as Task), acceptId: '' } : item
        },
      }),
    ),
    ground: { rates: { netAnswerLost: 0.05, netRepeated: 0.1 } },
  },
  {
    name: 'launch-unnumbered',
    what: 'a launch does not raise the generation of its ledger',
    mutation: inFunctions('front', (env) => {
      const ledgers = remembering('ledger', ({ agentId }) => agentId)
      return withStore(env, {
        item: ledgers.item,
        change: (change, all) => {
          if (change.do !== 'put' || change.kind !== 'ledger') return change
          const isLaunch = all.some(({ kind, when }) => kind === 'run' && when.name === 'absent')
          const { generation } = ledgers.get(change.item.agentId) ?? change.item
          return isLaunch ? { ...change, item: { ...change.item, generation } } : change
        },
      })
    }),
  },
  {
    name: 'released-too-much',
    what: 'the end of a task releases all that its framework has in the role',
    mutation: inFunctions('front', (env) => {
      const ledgers = remembering('ledger', ({ agentId }) => agentId)
      return withStore(env, {
        item: ledgers.item,
        change: (change) => {
          if (change.do !== 'put' || change.kind !== 'ledger') return change
          const before = ledgers.get(change.item.agentId)?.sums ?? {}
          const sums = Object.fromEntries(
            Object.entries(change.item.sums).filter(
              ([id, roles]) => JSON.stringify(roles).length >= JSON.stringify(before[id] ?? {}).length,
            ),
          )
          return { ...change, item: { ...change.item, sums } }
        },
      })
    }),
  },
  {
    name: 'digest-forgotten',
    what: 'the end of a task leaves it in the digest of its agent',
    mutation: inFunctions('front', (env) => {
      const ledgers = remembering('ledger', ({ agentId }) => agentId)
      return withStore(env, {
        item: ledgers.item,
        change: (change, all) => {
          if (change.do !== 'put' || change.kind !== 'ledger') return change
          const isEnd = all.some(({ kind, do: how }) => kind === 'run' && how === 'remove')
          const digest = ledgers.get(change.item.agentId)?.digest ?? change.item.digest
          return isEnd ? { ...change, item: { ...change.item, digest } } : change
        },
      })
    }),
  },
  {
    name: 'agents-untold',
    what: 'agents are told neither of changes nor that they lag behind',
    mutation: inFunctions(['front', 'heartbeats'], (env) => ({
      ...env,
      queues: { ...env.queues, sendToAgent: async () => {} },
    })),
    ground: { profile: 'default', faults: { killFramework: 1 } },
  },
  {
    name: 'holds-for-ever',
    what: 'nobody ends the hold of an ACCEPT in pieces whose worker died',
    mutation: reads('detector', 'ledger', (ledger) => ({ ...ledger, holds: {} })),
    ground: { faults: { killHost: 4, killFramework: 2 }, rates: { crash: 0.04 }, bursts: 4 },
  },
  {
    name: 'allocator-forgets-charges',
    what: 'the allocator writes ledgers without what is charged',
    mutation: reads('allocator', 'ledger', (ledger) => ({ ...ledger, sums: {} })),
  },
  {
    name: 'allocator-forgets-offers',
    what: 'the allocator does not count offers as used',
    mutation: inFunctions('allocator', (env) => {
      const offers = new Map<string, Ledger['offers']>()
      return withStore(env, {
        item: (kind, item) => {
          if (kind !== 'ledger') return item
          const ledger = item as Ledger
          offers.set(ledger.agentId, ledger.offers)
          return { ...ledger, offers: {} }
        },
        change: (change) => {
          if (change.do !== 'put' || change.kind !== 'ledger') return change
          const before = offers.get(change.item.agentId) ?? {}
          return { ...change, item: { ...change.item, offers: { ...before, ...change.item.offers } } }
        },
      })
    }),
  },
  {
    name: 'allocator-offers-the-lost',
    what: 'the allocator offers agents that are not there',
    mutation: inFunctions('allocator', (env) =>
      withStore(env, {
        item: (kind, item) =>
          kind === 'ledger' || kind === 'agent' ? { ...(item as Ledger), life: 'active' } : item,
        change: (change) => {
          if (change.do !== 'put' || change.kind !== 'ledger') return change
          const { unreachableSince } = change.item
          return unreachableSince === undefined
            ? change
            : { ...change, item: { ...change.item, life: 'unreachable' } }
        },
      }),
    ),
    ground: { faults: { partition: 2, loseMachine: 2 }, profile: 'default' },
  },
  {
    name: 'deactivation-ignored',
    what: 'the allocator offers agents that an operator has deactivated',
    mutation: reads('allocator', 'ledger', (ledger) => ({ ...ledger, deactivated: false })),
    ground: { faults: { deactivate: 2, killAgent: 1 } },
  },
  {
    name: 'refusals-ignored',
    what: 'the allocator does not look at refusals',
    mutation: reads('allocator', 'ledger', (ledger) => ({ ...ledger, refusals: [] })),
  },
  {
    name: 'revive-forgotten',
    what: 'REVIVE is answered and the roles stay suppressed',
    mutation: inFunctions('front', (env) => {
      const frameworks = remembering('framework', ({ frameworkId }) => frameworkId)
      return withStore(env, {
        item: frameworks.item,
        change: (change) => {
          if (change.do !== 'put' || change.kind !== 'framework') return change
          const { suppressedRoles = [] } = frameworks.get(change.item.frameworkId) ?? {}
          const isLess = change.item.suppressedRoles.length < suppressedRoles.length
          return isLess ? { ...change, item: { ...change.item, suppressedRoles } } : change
        },
      })
    }),
    ground: { hours: 0.45, faults: { killAgent: 2, loseMachine: 2 } },
  },
  {
    name: 'offers-for-ever',
    what: 'nobody takes back offers that nobody answers',
    mutation: inFunctions(['detector', 'allocator'], (env) =>
      withStore(env, {
        item: (kind, item) => {
          if (kind !== 'ledger') return item
          const ledger = item as Ledger
          const offers = Object.entries(ledger.offers).map(([id, offer]) => [
            id,
            { ...offer, expiresAt: 9e15 },
          ])
          return { ...ledger, offers: Object.fromEntries(offers) }
        },
      }),
    ),
    ground: { faults: { silence: 1 }, settings: { offerTimeoutMs: 60_000 } },
  },
  {
    name: 'words-unwritten',
    what: 'one in four words about tasks is not written',
    mutation: inFunctions('front', (env) =>
      withStore(env, {
        change: (change) => {
          const isWord = change.kind === 'mail' && change.do === 'put' && change.item.body.kind === 'word'
          return isWord && (env.random?.() ?? 1) < 0.25 ? undefined : change
        },
      }),
    ),
  },
  {
    name: 'secrets-logged',
    what: 'what is committed stands in the log',
    mutation: inFunctions('front', (env) =>
      withStore(env, {
        change: (change) => {
          if (change.kind === 'run') env.log.info('change', { text: JSON.stringify(change.item, plain) })
          return change
        },
      }),
    ),
    ground: { faults: { killHost: 1 } },
  },
]

function keyOfTask({ frameworkId, taskId }: Task): string {
  return `${frameworkId}/${taskId}`
}

function plain(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
