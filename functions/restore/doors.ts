// The doors: while a restored table is made right, whoever changes or asks anything is told to come back.
import { lastTick, type Timed } from '../cluster-time.ts'
import { type HttpAnswer, text } from '../http/types.ts'

/** Told every two seconds at least, by the tick that every function reads. */
export async function areDoorsClosed(env: Timed): Promise<boolean> {
  return (await lastTick(env))?.closed === true
}

/** What callers read meanwhile; agents, frameworks and their clients try again by themselves. */
export function closedAnswer(): HttpAnswer {
  return text(503, 'The table was restored and is being made right; try again in a few seconds', {
    'retry-after': '2',
  })
}
