// The end of everything an agent runs: tasks and executors in their time, then by force; last the control plane is told.
import { type Clock, sleep } from '../protocol/clock.ts'
import type { Acting } from './acting.ts'
import type { Containers } from './containers.ts'
import type { Link } from './link.ts'

/** How long tasks, executors and their last updates may take when everything ends. */
const END_TASKS_MS = 15_000
const END_UPDATES_MS = 3_000
const LOOK_MS = 25

export interface EndingOptions {
  readonly acting: Acting
  readonly clock: Clock
  readonly containers: Pick<Containers, 'destroy'>
  /** Undefined: nobody is told. What was not told stays on disk. */
  readonly link: Pick<Link, 'reporter' | 'unregister'> | undefined
}

/** Resolves when nothing of this agent runs, or the time for that is over. */
export async function endEverything({ acting, clock, containers, link }: EndingOptions): Promise<void> {
  const { state } = acting
  await acting.submit({ input: 'end-everything' })
  const isOver = () => state.owners.size === 0 && state.executors.size === 0
  for (const until = clock.now() + END_TASKS_MS; !isOver() && clock.now() < until; ) {
    await sleep(clock, LOOK_MS)
  }
  if (!isOver()) {
    for (const one of [...state.tasks.values(), ...state.executors.values()]) {
      await containers.destroy(one.containerId).catch(() => {})
    }
  }
  if (link === undefined || state.agentId === undefined) return
  await Promise.race([link.reporter.drained(), sleep(clock, END_UPDATES_MS)])
  await Promise.race([link.unregister(), sleep(clock, END_UPDATES_MS)])
}
