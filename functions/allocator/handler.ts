// The allocator's doors: a nudge or the tick on one machine, a batch of `allocate` messages on Lambda.
//
// However many ask, one turn runs at a time in a process, and those who ask meanwhile share the one that follows: it
// begins after they asked, so it sees what they speak of.
import type { Environment } from '../environment.ts'
import type { QueueMessage } from '../ports/queues.ts'
import { areDoorsClosed } from '../restore/doors.ts'
import { pace } from './pace.ts'
import { turn } from './turn.ts'

/** Resolves when a turn that began after this call has ended. Throws when the table is away. */
export function allocate(env: Environment): Promise<void> {
  const known = processes.get(env)
  if (known !== undefined) return known.run()
  const made = turnByTurn(env)
  processes.set(env, made)
  return made.run()
}

/**
 * For a queue: one turn for the whole batch, whatever its messages say. Returns the messages to be delivered again,
 * which are none; when the table is away it throws, and all of them come back.
 */
export async function allocateBatch(
  env: Environment,
  _batch: readonly QueueMessage[],
): Promise<readonly string[]> {
  await allocate(env)
  return []
}

interface TurnByTurn {
  run(): Promise<void>
}

/** An environment is made once per process; tests make several in one. */
const processes = new WeakMap<Environment, TurnByTurn>()

function turnByTurn(env: Environment): TurnByTurn {
  const turns = {
    holder: env.ids.random(),
    known: new Set<string>(),
    closed: new Map(),
    pace: pace(() => env.clock.now()),
  }
  let running: Promise<void> | undefined
  let following: Promise<void> | undefined

  return {
    run() {
      if (running === undefined) return start()
      following ??= running.then(next, next)
      return following
    },
  }

  function start(): Promise<void> {
    running = unlessClosed(env, () => turn(env, turns)).finally(() => {
      running = undefined
    })
    return running
  }

  function next(): Promise<void> {
    following = undefined
    return start()
  }
}

/** Nothing is offered of a restored table before it is made right. */
async function unlessClosed(env: Environment, work: () => Promise<void>): Promise<void> {
  if (!(await areDoorsClosed(env))) await work()
}
