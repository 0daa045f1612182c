// A stream of events as any client reads it: opened by one POST, taken apart into records, waited on by the test.
import { type IncomingMessage, request } from 'node:http'
import { decodeMessage } from '../protocol/codec.ts'
import type { MediaType } from '../protocol/media-types.ts'
import type { MessageTypes } from '../protocol/messages.ts'
import { RecordDecoder } from '../protocol/recordio.ts'

/** The messages that come in streams, beside those of the scheduler API. */
type EventName = 'mesos.v1.executor.Event' | 'mesos.v1.master.Event'

export interface StreamRequest<N extends EventName> {
  readonly url: string
  readonly of: N
  readonly encoding: MediaType
  readonly body: Uint8Array
}

/** Remembers every event, and when it came. */
export class EventStream<N extends EventName> {
  readonly events: MessageTypes[N][] = []
  readonly status: number
  readonly headers: IncomingMessage['headers']
  ended = false
  readonly #abort: AbortController
  readonly #taken = new Set<MessageTypes[N]>()
  #waiting: (() => void)[] = []

  private constructor(asked: StreamRequest<N>, response: IncomingMessage, abort: AbortController) {
    this.status = response.statusCode ?? 0
    this.headers = response.headers
    this.#abort = abort
    const decoder = new RecordDecoder()
    response.on('data', (chunk: Buffer) => {
      if (this.status !== 200) return
      for (const record of decoder.push(chunk)) {
        const decoded = decodeMessage(asked.of, asked.encoding, record)
        if (!decoded.ok) throw new Error(`an event that cannot be read: ${decoded.error}`)
        this.events.push(decoded.message)
      }
      this.#wake()
    })
    response.on('error', () => {})
    response.on('close', () => {
      this.ended = true
      this.#wake()
    })
  }

  /** Resolves with the head of the answer, whatever its status is. */
  static open<N extends EventName>(asked: StreamRequest<N>): Promise<EventStream<N>> {
    const abort = new AbortController()
    const headers = { 'content-type': asked.encoding, accept: asked.encoding }
    return new Promise((resolve, reject) => {
      const sent = request(
        asked.url,
        { method: 'POST', headers, agent: false, signal: abort.signal },
        (response) => resolve(new EventStream(asked, response, abort)),
      )
      sent.on('error', reject)
      sent.end(asked.body)
    })
  }

  get types(): readonly string[] {
    return this.events.map(({ type }) => type ?? '')
  }

  /** The next event of a type that no earlier `next` gave; waits for it (real milliseconds). */
  async next(type: MessageTypes[N]['type'], withinMs = 10_000): Promise<MessageTypes[N]> {
    const found = () => this.events.find((event) => !this.#taken.has(event) && event.type === type)
    await this.until(() => found() !== undefined, withinMs)
    // `until` saw it.
    const event = found() as MessageTypes[N]
    this.#taken.add(event)
    return event
  }

  /** Waits until it holds, looking at each event. */
  async until(holds: () => boolean, withinMs = 10_000): Promise<void> {
    const deadline = performance.now() + withinMs
    while (!holds()) {
      const left = deadline - performance.now()
      if (left <= 0 || this.ended) {
        const how = this.ended ? 'the stream ended' : `nothing within ${withinMs} ms`
        throw new Error(`${how}; seen: ${this.types.join(', ') || 'nothing'}`)
      }
      await Promise.race([
        new Promise<void>((resolve) => this.#waiting.push(resolve)),
        new Promise<void>((resolve) => setTimeout(resolve, left)),
      ])
    }
  }

  /** Waits until the other side has ended it. */
  async untilEnd(withinMs = 10_000): Promise<void> {
    const deadline = performance.now() + withinMs
    while (!this.ended) {
      if (performance.now() > deadline) throw new Error(`the stream did not end within ${withinMs} ms`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  close(): void {
    this.#abort.abort()
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }
}
