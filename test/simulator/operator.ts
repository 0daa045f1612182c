// People at the operator API: they mark agents gone, keep some from being offered, drain them, tear frameworks down.
import { encodeMessage } from '../../protocol/codec.ts'
import type { MasterCall } from '../../protocol/messages.ts'
import { type Network, post } from './network.ts'
import { RESTORED_AT } from './plane.ts'
import type { Story } from './story.ts'

const TYPE = 'application/json' as const
const HEADERS = { 'content-type': TYPE, accept: TYPE } as const
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
    for (let tried = 0; tried < TRIES; tried++) {
      try {
        const { status } = await post(
          this.#network,
          '/api/v1',
          HEADERS,
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

  /** Says that the table was restored, until it is answered: the ticks do the rest. */
  async restored(): Promise<void> {
    const { time, chance } = this.#network
    for (;;) {
      this.#story.tell('operator: RESTORED')
      const body = Buffer.from(JSON.stringify({ type: 'RESTORED' }))
      const answer = await post(this.#network, RESTORED_AT, HEADERS, body).catch(() => undefined)
      this.#story.tell(
        `operator: RESTORED is answered with ${answer?.status ?? 'nothing'} ${answer?.body ?? ''}`,
      )
      if (answer?.status === 200) return
      await new Promise<void>((resolve) => time.after(chance.between(500, 10_000), resolve))
    }
  }
}
