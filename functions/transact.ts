// The one retry loop: load, decide, commit, tell. Everything that changes the table goes through here.
//
// Walk: before it functions/scheduler/calls.ts, after it functions/tell.ts.

import type { Decision } from '../master/decision.ts'
import { MAX_COMMIT_ATTEMPTS } from '../master/limits.ts'
import { sleep } from '../protocol/clock.ts'
import type { Environment } from './environment.ts'
import { inLane } from './lanes.ts'
import { tell } from './tell.ts'

/** Thrown when others kept changing what was loaded; the caller is asked to come back (503, or the queue repeats). */
export class TooContended extends Error {
  constructor(what: string, attempts: number) {
    super(`${what}: others changed the same items ${attempts} times in a row; try again`)
  }
}

/**
 * Loads, decides and commits until the commit stands or the decision changes nothing, then tells.
 * `decide` is pure: it may run several times, and only the last one counts. One decision has one token; a decision
 * made anew has a new one.
 */
export async function transact<Loaded, Answer>(
  env: Environment,
  work: {
    readonly name: string
    /** Spares writers of one process the conflicts they would make each other; see lanes.ts. */
    readonly lane?: string | undefined
    readonly load: () => Promise<Loaded>
    readonly decide: (loaded: Loaded) => Decision<Answer>
  },
): Promise<Answer> {
  return await inLane(env, work.lane, () => attempts(env, work))
}

async function attempts<Loaded, Answer>(
  env: Environment,
  work: {
    readonly name: string
    readonly load: () => Promise<Loaded>
    readonly decide: (loaded: Loaded) => Decision<Answer>
  },
): Promise<Answer> {
  for (let attempt = 1; attempt <= MAX_COMMIT_ATTEMPTS; attempt++) {
    const decision = work.decide(await work.load())
    if (decision.changes.length === 0) {
      await tell(env, decision.tell)
      return decision.answer
    }
    const result = await env.store.commit(decision.changes, env.ids.uuid())
    if (result.kind === 'committed') {
      await tell(env, decision.tell, decision.changes)
      return decision.answer
    }
    env.log.info('conflicted', {
      work: work.name,
      attempt,
      items: result.failed.map((change) => change.kind),
    })
    // Jitter keeps two writers of one ledger from meeting again at once.
    if (attempt > 1) await sleep(env.clock, (env.random ?? Math.random)() * 5 * 2 ** Math.min(attempt, 6))
  }
  throw new TooContended(work.name, MAX_COMMIT_ATTEMPTS)
}
