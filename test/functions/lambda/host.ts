// A process like a function's: loads one bundle, has Lambda's stream if asked to, and answers events of its parent.
//
// Arguments: the bundle, and `streams` if the runtime has response streaming.
import { pathToFileURL } from 'node:url'
import type { ResponseStream } from '../../../functions/lambda/answers.ts'
import type { Runtime } from '../../../functions/lambda/rest.ts'

/** From the parent: one invocation. */
export interface Invocation {
  readonly id: number
  readonly event: unknown
  readonly remainingMs: number
}

/** To the parent: that the bundle is loaded, and what an invocation says. */
export type Said =
  | { readonly say: 'loaded' }
  | { readonly say: 'head'; readonly id: number; readonly head: unknown }
  | { readonly say: 'chunk'; readonly id: number; readonly base64: string }
  | { readonly say: 'done'; readonly id: number; readonly result: unknown }
  | { readonly say: 'failed'; readonly id: number; readonly message: string }

type Context = { getRemainingTimeInMillis(): number }
type Handler = (event: unknown, second: unknown, third?: Context) => Promise<unknown>

const [, , file = '', mode] = process.argv
const streaming = new Set<unknown>()
const streamsById = new Map<unknown, number>()

const runtime: Runtime = {
  streamifyResponse(handler) {
    streaming.add(handler)
    return handler
  },
  HttpResponseStream: {
    from(stream, head) {
      tell({ say: 'head', id: streamsById.get(stream) ?? -1, head })
      return stream
    },
  },
}
if (mode === 'streams') Object.assign(globalThis, { awslambda: runtime })

const { handler } = (await import(pathToFileURL(file).href)) as { handler: Handler }
process.on('message', (invocation: Invocation) => void invoke(invocation))
tell({ say: 'loaded' })

async function invoke({ id, event, remainingMs }: Invocation): Promise<void> {
  const until = performance.now() + remainingMs
  const context = { getRemainingTimeInMillis: () => Math.max(0, until - performance.now()) }
  try {
    const result = streaming.has(handler)
      ? await handler(event, stream(id), context)
      : await handler(event, context)
    tell({ say: 'done', id, result })
  } catch (error) {
    tell({ say: 'failed', id, message: error instanceof Error ? error.message : String(error) })
  }
}

function stream(id: number): ResponseStream {
  const made: ResponseStream = {
    write(bytes) {
      if (bytes.length > 0) tell({ say: 'chunk', id, base64: Buffer.from(bytes).toString('base64') })
      return true
    },
    end() {},
    on: () => undefined,
    once: () => undefined,
  }
  streamsById.set(made, id)
  return made
}

function tell(said: Said): void {
  process.send?.(said)
}
