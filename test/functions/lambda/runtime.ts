// Lambda's runtime for tests: response streams that keep what was written, as one chunk for each write.
import { EventEmitter } from 'node:events'
import type { ResponseStream } from '../../../functions/lambda/answers.ts'
import type { Runtime } from '../../../functions/lambda/rest.ts'

export interface FakeStream extends ResponseStream {
  readonly chunks: Buffer[]
  readonly head: { statusCode: number; headers: Record<string, string> } | undefined
  readonly isEnded: boolean
  /** From now on the peer takes nothing until `drain`. */
  clog(): void
  drain(): void
  break(): void
  text(): string
}

export function fakeStream(): FakeStream {
  const events = new EventEmitter()
  const chunks: Buffer[] = []
  let isClogged = false
  let isEnded = false
  const stream = {
    chunks,
    head: undefined as FakeStream['head'],
    get isEnded() {
      return isEnded
    },
    write(bytes: Uint8Array) {
      if (isEnded) throw new Error('write after end')
      if (bytes.length > 0) chunks.push(Buffer.from(bytes))
      return !isClogged
    },
    end() {
      isEnded = true
    },
    on: (event: 'error' | 'close', listener: (error?: unknown) => void) => events.on(event, listener),
    once: (event: 'drain', listener: () => void) => events.once(event, listener),
    clog() {
      isClogged = true
    },
    drain() {
      isClogged = false
      events.emit('drain')
    },
    break: () => void events.emit('close'),
    text: () => Buffer.concat(chunks).toString(),
  }
  return stream
}

/** To be put at `globalThis.awslambda`. */
export const fakeRuntime: Runtime = {
  streamifyResponse: (handler) => handler,
  HttpResponseStream: {
    from(stream, head) {
      // Streams of these tests are all made above.
      Object.assign(stream as FakeStream, { head })
      return stream
    },
  },
}
