// Planted bugs of detection and of time: hearing, verdicts, the guard, deadlines, losses and returns.

import type { Run, Task } from '../../master/model.ts'
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
    ground: { faults: { killFramework: 3 } },
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
    ground: { faults: { killFramework: 3 } },
  },
  {
    name: 'loss-unfenced',
    what: 'a worker that loses tasks does not look whether its loss still stands',
    mutation: unconditional(['detector', 'front'], (_, all) =>
      all.some(({ kind, do: how, item }) => kind === 'task' && how === 'put' && isLost(item)),
    ),
    ground: {
      ...{ profile: 'default', agents: 8, faults: { partition: 1 } },
      ...{ strikeMs: 6_000, rates: { pause: 0.01 } },
    },
  },
  {
    name: 'loss-forgets-custody',
    what: 'an end in custody does not keep a task from being lost',
    mutation: reads('detector', 'task', (task) => ({ ...task, custody: [] })),
    ground: { profile: 'default', faults: { ...CUT_OFF, silence: 6 } },
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

function isLost(item: object): boolean {
  return 'standing' in item && item.standing === 'lost'
}
