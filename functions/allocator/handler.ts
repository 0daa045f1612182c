// The allocator's doors: a nudge or the tick on one machine, a batch of `allocate` messages on Lambda.
//
// However many ask, one turn runs at a time in a process, and those who ask meanwhile share the one that follows: it
// begins after they asked, so it sees what they speak of.
import type { Environment } from '../environment.ts'
import type { QueueMessage } from '../ports/queues.ts'
import { areDoorsClosed } from '../restore/doors.ts'
import { pace } from './pace.ts'
import { type Scope, scopeOf, together, WHOLE } from './scope.ts'
import { type Turns, turn } from './turn.ts'
import { noCopies } from './world.ts'

/** Resolves when a turn that began after this call, and looked at what is asked for, has ended. Throws when the table is away. */
export function allocate(env: Environment, scope: Scope = WHOLE): Promise<void> {
  const known = processes.get(env)
  if (known !== undefined) return known.run(scope)
  const made = turnByTurn(env)
  processes.set(env, made)
  return made.run(scope)
}

/**
 * For a queue: one turn for the whole batch, over all that its messages ask for. Returns the messages to be delivered
 * again, which are none; when the table is away it throws, and all of them come back.
 */
export async function allocateBatch(
  env: Environment,
  batch: readonly QueueMessage[],
): Promise<readonly string[]> {
  await allocate(env, scopeOf(batch))
  return []
}

interface TurnByTurn {
  run(scope: Scope): Promise<void>
}

/** An environment is made once per process; tests make several in one. */
const processes = new WeakMap<Environment, TurnByTurn>()

function turnByTurn(env: Environment): TurnByTurn {
  const turns: Turns = {
    holder: env.ids.random(),
    copies: noCopies(),
    timeline: env.cluster.timeline,
    closed: new Map(),
    pace: pace(() => env.clock.now()),
  }
  let running: Promise<void> | undefined
  let following: Promise<void> | undefined
  let wanted: readonly Scope[] = []

  return {
    run(scope) {
      wanted = [...wanted, scope]
      if (running === undefined) return start()
      following ??= running.then(next, next)
      return following
    },
  }

  function start(): Promise<void> {
    const scope = together(wanted)
    wanted = []
    running = unlessClosed(env, () => turn(env, turns, scope)).finally(() => {
      running = undefined
    })
    return running
  }

  /** Unless somebody was faster, between the end of one turn and this: what was wanted is in that one. */
  function next(): Promise<void> {
    following = undefined
    return running ?? start()
  }
}

/** Nothing is offered of a restored table before it is made right. */
async function unlessClosed(env: Environment, work: () => Promise<void>): Promise<void> {
  if (!(await areDoorsClosed(env))) await work()
}
