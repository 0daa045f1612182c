// Planted bugs of detection and of time: hearing, verdicts, the guard, deadlines, losses and returns.

import type { Change } from '../../master/decision.ts'
import type { InstanceSeen } from '../../master/detection/proof.ts'
import type { Run, Task } from '../../master/model.ts'
import { sleep } from '../../protocol/clock.ts'
import type { Mutant } from './mutants.ts'
import { inFunctions, reads, unconditional, withStore, writes } from './planting.ts'

const CUT_OFF = { partition: 6, loseMachine: 1, killAgent: 1, pauseHost: 2 }
const MASS = { massPartition: 1, partition: 1 }

export const DETECTION_MUTANTS: readonly Mutant[] = [
  {
    name: 'deafness-forgotten',
    what: 'the detector ignores since when it has been hearing',
    mutation: reads('detector', 'beats', (beats) => ({ ...beats, hearingSince: 0 })),
    ground: { faults: { queuesAway: 2, storeAway: 2, killHost: 1 } },
  },
  {
    name: 'gaps-forgotten',
    what: 'a gap between canaries does not restart hearing',
    mutation: inFunctions('heartbeats', (env) => {
      const { settings } = env
      return { ...env, settings: { ...settings, profile: { ...settings.profile, hearingGapMs: 1e12 } } }
    }),
    ground: { faults: { queuesAway: 2, storeAway: 2, killHost: 1 } },
  },
  {
    name: 'registration-not-heard',
    what: 'silence is not counted from the registration at the earliest',
    mutation: reads('detector', 'ledger', (ledger) => ({ ...ledger, heardAt: 0 })),
    ground: { profile: 'default', faults: CUT_OFF },
  },
  {
    name: 'verdict-not-checked',
    what: 'an agent is marked also if it was heard between verdict and mark',
    mutation: unconditional('detector', (change) => change.kind === 'beats' && change.do === 'check'),
    ground: {
      ...{ profile: 'default', agents: 8, faults: { partition: 1 } },
      ...{ strikeMs: 6_000, rates: { storeSlow: 0.5 } },
    },
  },
  {
    name: 'guard-off',
    what: 'the detector may give up everybody at once',
    mutation: inFunctions('detector', (env) => ({
      ...env,
      settings: { ...env.settings, maxExpiredShare: 1 },
    })),
    ground: { agents: 10, faults: MASS },
  },
  {
    name: 'guard-impatient',
    what: 'the guard against mass expiry holds nothing back before it removes at its rate',
    mutation: reads('detector', 'tick', (tick) => ({
      ...tick,
      guardSince: 1,
      removalTokens: Math.max(1, tick.removalTokens),
    })),
    ground: { agents: 10, faults: MASS },
  },
  {
    name: 'removal-rate-forgotten',
    what: 'once the guard has held, all go at once and not at the removal rate',
    mutation: inFunctions('detector', (env) => ({
      ...env,
      settings: { ...env.settings, removalsPerMinute: 1e6 },
    })),
    ground: { agents: 10, faults: MASS, settings: { removalsPerMinute: 3 } },
  },
  {
    name: 'impatient-failover',
    what: 'frameworks are removed a hundred seconds early',
    mutation: inFunctions('detector', (env) =>
      withStore(env, {
        item: (kind, item) => {
          if (kind !== 'framework') return item
          const framework = item as { removeAt?: number }
          const { removeAt } = framework
          return removeAt === undefined ? framework : { ...framework, removeAt: removeAt - 100_000 }
        },
      }),
    ),
    ground: { faults: { killFramework: 3, operatorTeardown: 2 } },
  },
  {
    name: 'own-clock-trusted',
    what: 'hosts make deadlines by their own clocks and not in cluster time',
    mutation: reads('front', 'tick', (tick, env) => ({ ...tick, at: env.clock.now() })),
    ground: { faults: { killFramework: 3, silence: 2, killHost: 3, redeploy: 1 } },
  },
  {
    name: 'removed-may-return',
    what: 'a framework that was removed may subscribe again',
    mutation: reads('front', 'framework', (framework) =>
      framework.state === 'removed' ? { ...framework, state: 'disconnected' } : framework,
    ),
    ground: { faults: { killFramework: 3, operatorTeardown: 2 } },
  },
  {
    name: 'loss-unfenced',
    what: 'a worker that loses tasks, and sleeps meanwhile, does not look whether its loss still stands',
    mutation: inFunctions(['detector', 'front'], (env) =>
      withStore(env, {
        change: (change, all) => {
          if (!all.some(isLoss)) return change
          return change.do === 'check' ? undefined : { ...change, when: { name: 'anything' } }
        },
        commit: async (changes, token, store) => {
          if (changes.some(isLoss)) await sleep(env.clock, 20_000)
          return await store.commit(changes, token)
        },
      }),
    ),
    ground: { profile: 'default', agents: 8, faults: { partition: 1 }, strikeMs: 6_000 },
  },
  {
    name: 'loss-forgets-custody',
    what: 'an end in custody does not keep a task from being lost',
    mutation: reads('detector', 'task', (task) => ({ ...task, custody: [] })),
    ground: { profile: 'default', faults: { ...CUT_OFF, silence: 6 } },
  },
  {
    name: 'stopped-is-dead',
    what: 'a machine that EC2 has stopped counts as terminated',
    mutation: inFunctions(['detector', 'instance-events'], (env) => {
      const { ec2 } = env
      if (ec2 === undefined) return env
      const lookUp: typeof ec2.lookUp = async (ids, signal) => {
        const { seen, ...rest } = await ec2.lookUp(ids, signal)
        const dead = [...seen].map(
          ([id, one]) =>
            [id, one.state === 'stopped' ? { ...one, state: 'terminated' as const } : one] as const,
        )
        return { ...rest, seen: new Map(dead) }
      }
      return { ...env, ec2: { ...ec2, lookUp } }
    }),
    ground: { faults: { stopInstance: 3, killHost: 1 } },
  },
  {
    name: 'old-word-of-ec2',
    what: 'what EC2 has said of a stopped machine still counts when it runs again',
    mutation: inFunctions(['detector', 'instance-events'], (env) => {
      const { ec2 } = env
      if (ec2 === undefined) return env
      const stopped = new Map<string, InstanceSeen>()
      const lookUp: typeof ec2.lookUp = async (ids, signal) => {
        const { seen, ...rest } = await ec2.lookUp(ids, signal)
        for (const [id, one] of seen) if (one.state === 'stopped') stopped.set(id, one)
        return { ...rest, seen: new Map([...seen, ...[...stopped].filter(([id]) => ids.includes(id))]) }
      }
      return { ...env, ec2: { ...ec2, lookUp } }
    }),
    ground: { faults: { stopInstance: 3, partition: 1 } },
  },
  {
    name: 'losses-untold',
    what: 'a loss ends without being appended to the list that frameworks follow',
    mutation: inFunctions('detector', (env) =>
      withStore(env, {
        change: (change) => (change.kind === 'loss' || change.kind === 'lossHead' ? undefined : change),
      }),
    ),
    ground: { profile: 'default', faults: { partition: 1 }, strikeMs: 30_000 },
  },
  {
    name: 'kill-forgotten-on-return',
    what: 'the return of an agent makes its tasks wanted again that were to be killed',
    mutation: writes('front', 'run', (run) =>
      run.listedIn === undefined || run.wanted !== 'stop' ? run : { ...run, wanted: 'run', kills: 0 },
    ),
    ground: { profile: 'default', faults: CUT_OFF },
  },
  {
    name: 'gone-may-return',
    what: 'an agent that was marked gone may register again',
    mutation: reads(['front', 'heartbeats'], 'ledger', (ledger) =>
      ledger.life === 'gone' ? { ...ledger, life: 'unreachable' } : ledger,
    ),
    ground: { faults: { partition: 2, markGone: 2, loseMachine: 1 } },
  },
  {
    name: 'impatient-launches',
    what: 'launches are stopped before their deadline, answered or not',
    mutation: inFunctions('detector', (env) =>
      withStore(env, {
        item: (kind, item) => {
          if (kind === 'run') return { ...(item as Run), answerBy: 0 }
          if (kind !== 'task') return item
          const task = item as Task
          return { ...task, lastUpdate: 0, mesos: { ...task.mesos, state: 'TASK_STAGING' } }
        },
      }),
    ),
    ground: { faults: { killHost: 1 } },
  },
]

/** A task that is lost with its agent. */
function isLoss({ kind, do: how, item }: Change): boolean {
  return kind === 'task' && how === 'put' && 'standing' in item && item.standing === 'lost'
}
