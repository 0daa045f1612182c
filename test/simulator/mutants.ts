// Planted bugs: each must be found by a seed of at most twenty, or the checkers are blind to it.
import type { Environment } from '../../functions/environment.ts'
import type { Change } from '../../master/decision.ts'
import type { Framework, ItemKind, Ledger, Mail } from '../../master/model.ts'
import type { ProfileName } from '../../master/settings.ts'
import type { Store } from '../../store/store.ts'
import type { AgentMutation } from './machine.ts'
import type { Mutation } from './plane.ts'
import { type SimulationOptions, simulate } from './simulation.ts'

interface Mutant {
  readonly name: string
  readonly what: string
  readonly mutation?: Mutation | undefined
  readonly agentMutation?: AgentMutation | undefined
}

const MAX_SEEDS = 20

type Change1 = (change: Change) => Change | undefined

/** Reads pass through `item`, commits through `change`. */
function withStore(
  env: Environment,
  how: {
    readonly item?: (kind: ItemKind, item: unknown) => unknown
    readonly change?: Change1
    readonly commit?: (changes: readonly Change[], token: string, store: Store) => ReturnType<Store['commit']>
  },
): Environment {
  const { store } = env
  const item = how.item ?? ((_, one) => one)
  const seen = (kind: ItemKind, one: unknown) => (one === undefined ? undefined : item(kind, one))
  const changed: Store = {
    // What comes out is what the mutant makes of the same item.
    get: async (kind, ref) => seen(kind, await store.get(kind, ref)) as never,
    getMany: async (kind, refs) => (await store.getMany(kind, refs)).map((one) => seen(kind, one)) as never,
    load: async (refs) =>
      (await store.load(refs)).map((one, index) => seen(refs[index]?.kind ?? 'tick', one)) as never,
    query: async (partition, ref, options) => {
      const page = await store.query(partition, ref, options)
      return {
        ...page,
        found: page.found.map((one) => ({ ...one, item: seen(one.kind, one.item) })) as never,
      }
    },
    commit: async (changes, token) => {
      const left = changes.flatMap((one) => how.change?.(one) ?? (how.change === undefined ? one : []))
      return how.commit === undefined ? await store.commit(left, token) : await how.commit(left, token, store)
    },
  }
  return { ...env, store: changed }
}

/** A mutation of one function. */
function inFunction(name: Parameters<Mutation>[1], change: (env: Environment) => Environment): Mutation {
  return (env, which) => (which === name ? change(env) : env)
}

const onLedger = (change: (ledger: Ledger) => Ledger) => (kind: ItemKind, item: unknown) =>
  kind === 'ledger' ? change(item as Ledger) : item

const MUTANTS: readonly Mutant[] = [
  {
    name: 'unconditional-ledger',
    what: 'ledgers are written whatever stands there',
    mutation: (env) =>
      withStore(env, {
        change: (change) =>
          change.do === 'put' && change.kind === 'ledger'
            ? { ...change, when: { name: 'anything' } }
            : change,
      }),
  },
  {
    name: 'mail-removed-before-said',
    what: 'the reader removes what it is going to say',
    mutation: inFunction('front', (env) => {
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
    name: 'agent-ignores-generations',
    what: 'an agent takes every nudge for the next one',
    agentMutation: {
      nudge(nudge, state) {
        if (nudge.kind !== 'changes') return nudge
        const generation = state.applied + 1
        const { incarnation } = state
        const tasks = nudge.tasks.map((task) => ({
          ...task,
          launchIncarnation: incarnation,
          launchGeneration: generation,
        }))
        return { ...nudge, incarnation, generation, tasks }
      },
    },
  },
  {
    name: 'deafness-forgotten',
    what: 'the detector ignores since when it has been hearing',
    mutation: inFunction('detector', (env) =>
      withStore(env, {
        item: (kind, item) => (kind === 'beats' ? { ...(item as object), hearingSince: 0 } : item),
      }),
    ),
  },
  {
    name: 'gaps-forgotten',
    what: 'a gap between canaries does not restart hearing',
    mutation: inFunction('heartbeats', (env) => {
      const { settings } = env
      return { ...env, settings: { ...settings, profile: { ...settings.profile, hearingGapMs: 1e12 } } }
    }),
  },
  {
    name: 'allocator-forgets-charges',
    what: 'the allocator writes ledgers without what is charged',
    mutation: inFunction('allocator', (env) =>
      withStore(env, { item: onLedger((ledger) => ({ ...ledger, sums: {} })) }),
    ),
  },
  {
    name: 'allocator-forgets-offers',
    what: 'the allocator does not count offers as used',
    mutation: inFunction('allocator', (env) => {
      const offers = new Map<string, Ledger['offers']>()
      return withStore(env, {
        item: onLedger((ledger) => {
          offers.set(ledger.agentId, ledger.offers)
          return { ...ledger, offers: {} }
        }),
        change: (change) => {
          if (change.do !== 'put' || change.kind !== 'ledger') return change
          const before = offers.get(change.item.agentId) ?? {}
          return { ...change, item: { ...change.item, offers: { ...before, ...change.item.offers } } }
        },
      })
    }),
  },
  {
    name: 'refusals-ignored',
    what: 'the allocator does not look at refusals',
    mutation: inFunction('allocator', (env) =>
      withStore(env, { item: onLedger((ledger) => ({ ...ledger, refusals: [] })) }),
    ),
  },
  {
    name: 'answer-before-write',
    what: 'one in thirty writes of a task is answered and never done',
    mutation: inFunction('front', (env) =>
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
    mutation: inFunction('front', (env) => {
      const cached = new Map<string, Framework>()
      const fresh = withStore(env, {
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
      return fresh
    }),
  },
  {
    name: 'impatient-failover',
    what: 'frameworks are removed a hundred seconds early',
    mutation: inFunction('detector', (env) =>
      withStore(env, {
        item: (kind, item) => {
          if (kind !== 'framework') return item
          const framework = item as Framework
          return framework.removeAt === undefined
            ? framework
            : { ...framework, removeAt: framework.removeAt - 100_000 }
        },
      }),
    ),
  },
  {
    name: 'guard-off',
    what: 'the detector may give up everybody at once',
    mutation: inFunction('detector', (env) => ({
      ...env,
      settings: { ...env.settings, maxExpiredShare: 1 },
    })),
  },
  {
    name: 'kill-not-written',
    what: 'a KILL is answered and does not reach the wanted state',
    mutation: inFunction('front', (env) =>
      withStore(env, {
        change: (change) =>
          change.do === 'put' && change.kind === 'run' && change.item.wanted === 'stop'
            ? { ...change, item: { ...change.item, wanted: 'run', kills: 0 } }
            : change,
      }),
    ),
  },
]

/** Runs every mutant until a seed finds it; the exit status is 0 when none was missed. */
export async function findMutants(options: {
  readonly hours: number
  readonly agents: number
  readonly profile: ProfileName
  readonly only?: string | undefined
}): Promise<number> {
  const { hours, agents, profile, only } = options
  const chosen = MUTANTS.filter(({ name }) => only === undefined || name.includes(only))
  let missed = 0
  for (const mutant of chosen) {
    const found = await firstSeed({ hours, agents, profile }, mutant)
    if (found === undefined) missed += 1
    console.log(`${mutant.name} (${mutant.what}): ${found ?? `missed by ${MAX_SEEDS} seeds`}`)
  }
  console.log(`${chosen.length - missed} found, ${missed} missed`)
  return missed === 0 ? 0 : 1
}

async function firstSeed(
  common: Omit<SimulationOptions, 'seed'>,
  { mutation, agentMutation }: Mutant,
): Promise<string | undefined> {
  for (let seed = 1; seed <= MAX_SEEDS; seed++) {
    // A seed that fails without the planted bug proves nothing about it.
    if (!(await isClean({ ...common, seed }))) continue
    const { violation } = await simulate({ ...common, seed, mutation, agentMutation })
    if (violation !== undefined) return `seed ${seed}, ${violation.text.slice(0, 160)}`
  }
  return undefined
}

const clean = new Map<number, boolean>()

async function isClean(options: SimulationOptions): Promise<boolean> {
  const known = clean.get(options.seed)
  if (known !== undefined) return known
  const { violation } = await simulate(options)
  if (violation !== undefined)
    console.log(`seed ${options.seed} is not used, it fails without a planted bug: ${violation.text}`)
  clean.set(options.seed, violation === undefined)
  return violation === undefined
}
