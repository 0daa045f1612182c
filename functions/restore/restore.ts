// A table was restored to an earlier time: this makes it agree with itself, under a new timeline, then opens the doors.
//
//   close        timeline + 1, no tick, every call 503         one write
//   numbers      losses, allocation, beats                     hearing starts now
//   frameworks   sessions end, gates rise; torn tasks and letters are mended
//   agents       ledgers counted anew, all returning, nothing offered
//   open         the first tick; agents are asked to register, and what they list counts
//
// It may die anywhere and be run again, by any number at once: every part finds by itself what is done, and where to go
// on stands on the cluster's item. The functions of the table before must be stopped: their numbers are of the past.
import type { Cluster, Restoring } from '../../master/model.ts'
import { closeDoors, moveOn, openDoors } from '../../master/restore/timeline.ts'
import { sleep } from '../../protocol/clock.ts'
import { TICK_READ_MS } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { transact } from '../transact.ts'
import { askAllToRegister, restoreAgents } from './agents.ts'
import { restoreFrameworks } from './frameworks.ts'
import { restoreNumbers } from './numbers.ts'

export interface RestoreOptions {
  /** The least timeline; a table that has it already is left alone. Absent: a new one, unless one is begun already. */
  readonly timeline?: number | undefined
  /** After so long the rest is left to the ticks; this function's clock. */
  readonly budgetMs?: number | undefined
}

export interface Restored {
  readonly timeline: number
  readonly doors: 'open' | 'closed'
}

/** Begins a restore, or goes on with one, and does as much as the budget allows. */
export async function restore(env: Environment, options: RestoreOptions = {}): Promise<Restored> {
  // The tick of a restored table says when the backup was made, not what the time is.
  const now = env.clock.now()
  const cluster = await transact(env, {
    name: 'close doors',
    load: () => loadDoors(env),
    decide: (loaded) => closeDoors(loaded, options.timeline, { now }),
  })
  env.log.warn('the table was restored', {
    timeline: cluster.timeline,
    doors: cluster.restoring?.phase ?? 'open',
  })
  return await goOn(env, options.budgetMs)
}

/** Goes on with a restore that is under way; also for the detector, whose ticks stand still meanwhile. */
export async function goOn(env: Environment, budgetMs = 20_000): Promise<Restored> {
  const until = env.clock.now() + budgetMs
  for (;;) {
    const { cluster } = await loadDoors(env)
    const { restoring, timeline } = cluster
    if (restoring === undefined) return { timeline, doors: 'open' }
    if (env.clock.now() > until) return { timeline, doors: 'closed' }
    await oneStep({ ...env, cluster: { id: cluster.id, timeline } }, restoring)
  }
}

/** One bounded piece of the present phase, and the note of what comes next. */
async function oneStep(env: Environment, at: Restoring): Promise<void> {
  if (at.phase === 'open') return await open(env)
  const next = await stepOf(env, at)
  await transact(env, {
    name: 'restore goes on',
    load: () => loadDoors(env),
    decide: ({ cluster }) => moveOn(cluster, at, { begunAt: at.begunAt, asOf: at.asOf, ...next }),
  })
}

async function stepOf(env: Environment, at: Restoring): Promise<Omit<Restoring, 'begunAt' | 'asOf'>> {
  switch (at.phase) {
    case 'numbers':
      // Whoever still works by the tick of before has heard of the closed doors after this.
      await sleep(env.clock, TICK_READ_MS)
      await restoreNumbers(env)
      return { phase: 'frameworks' }
    case 'frameworks': {
      const after = await restoreFrameworks(env, at.after)
      return after === undefined ? { phase: 'agents', shard: 0 } : { phase: 'frameworks', after }
    }
    case 'agents': {
      const { shard = 0 } = at
      const after = await restoreAgents(env, { ...at, shard })
      if (after !== undefined) return { phase: 'agents', shard, after }
      return shard + 1 < env.settings.agentIndexShards
        ? { phase: 'agents', shard: shard + 1 }
        : { phase: 'open' }
    }
    case 'open':
      return { phase: 'open' }
  }
}

async function open(env: Environment): Promise<void> {
  const now = env.clock.now()
  const isOpened = await transact(env, {
    name: 'open doors',
    load: () => loadDoors(env),
    decide: (doors) => openDoors(doors, { now }),
  })
  if (!isOpened) return
  env.log.warn('the restored table is in use', { timeline: env.cluster.timeline })
  await askAllToRegister(env)
}

/** A cluster whose item is not in the table yet is the one this function was told of. */
async function loadDoors(env: Environment) {
  const [stored, tick] = await env.store.load([
    { kind: 'cluster', ref: {} },
    { kind: 'tick', ref: {} },
  ])
  const cluster: Cluster = stored ?? { version: 0, createdAt: env.clock.now(), ...env.cluster }
  return { cluster, tick }
}
