// People at the operator API: they mark agents gone, keep some from being offered, drain them, tear frameworks down.
import { encodeMessage } from '../../protocol/codec.ts'
import type { MasterCall } from '../../protocol/messages.ts'
import { type Network, post } from './network.ts'
import type { Story } from './story.ts'

const TYPE = 'application/json' as const
const TRIES = 8

export class Operator {
  readonly #network: Network
  readonly #story: Story

  constructor(network: Network, story: Story) {
    this.#network = network
    this.#story = story
  }

  /** Repeats a call until it is answered; the status, 0 when it never was. */
  async call(call: MasterCall, ...about: readonly (string | undefined)[]): Promise<number> {
    const { time, chance } = this.#network
    this.#story.tell(`operator: ${call.type}`, ...about)
    const headers = { 'content-type': TYPE, accept: TYPE }
    for (let tried = 0; tried < TRIES; tried++) {
      try {
        const { status } = await post(
          this.#network,
          '/api/v1',
          headers,
          encodeMessage('mesos.v1.master.Call', TYPE, call),
        )
        if (status !== 503 && status !== 500) {
          this.#story.tell(`operator: ${call.type} is answered with ${status}`, ...about)
          return status
        }
      } catch {
        // No answer: the same call again.
      }
      await new Promise<void>((resolve) => time.after(chance.between(500, 10_000), resolve))
    }
    return 0
  }
}
