// A switch for development: while a file names a time to come, this agent and the control plane do not hear each other.
import { readFileSync } from 'node:fs'
import type { Clock } from '../protocol/clock.ts'
import type { ControlPlane } from './control-plane.ts'

/** The control plane behind the switch. The file holds milliseconds since 1970; missing or past, nothing is cut. */
export function partitionable(controlPlane: ControlPlane, file: string, clock: Clock): ControlPlane {
  const through = () => {
    if (cutUntil(file) > clock.now())
      throw new Error('cut off from the control plane by `meseta dev partition`')
  }
  return {
    async call(call) {
      through()
      const answer = await controlPlane.call(call)
      through()
      return answer
    },
    async receive(queues, signal) {
      through()
      const received = await controlPlane.receive(queues, signal)
      through()
      return received
    },
    async remove(queues, receipts) {
      through()
      await controlPlane.remove(queues, receipts)
    },
    async beat(queues, beat) {
      through()
      await controlPlane.beat(queues, beat)
    },
    close: () => controlPlane.close(),
  }
}

function cutUntil(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8')) || 0
  } catch {
    return 0
  }
}
