// A function's bundle in a process of its own, with the variables of a function and nothing of this one's.
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { Invocation, Said } from './host.ts'

export interface LambdaProcess {
  /** Rejects with what the handler threw. */
  invoke<T>(event: unknown, options?: { readonly remainingMs?: number }): Promise<T>
  /** The head and the chunks of a stream as they come, and its end. */
  stream(event: unknown, options?: { readonly remainingMs?: number }): Streaming
  stop(): void
}

export interface Streaming {
  readonly head: () => { readonly statusCode: number; readonly headers: Record<string, string> } | undefined
  readonly chunks: string[]
  readonly done: Promise<unknown>
}

/** Resolves when the bundle is loaded; rejects with what it printed when it ends before. */
export async function startLambda(
  folder: string,
  variables: Readonly<Record<string, string>>,
  options: { readonly streams?: boolean } = {},
): Promise<LambdaProcess> {
  const args = [join(folder, 'index.mjs'), ...(options.streams === true ? ['streams'] : [])]
  const child = fork(join(import.meta.dirname, 'host.ts'), args, {
    env: variables,
    execArgv: [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const printed = printedBy(child)
  const listeners = new Map<number, (said: Said) => void>()
  const loaded = new Promise<void>((resolve, reject) => {
    child.on('message', (said: Said) => {
      if (said.say === 'loaded') resolve()
      else listeners.get(said.id)?.(said)
    })
    child.on('exit', () => reject(new Error(`the bundle did not load: ${printed()}`)))
  })
  await loaded
  let last = 0

  function begin(event: unknown, remainingMs: number, heard: (said: Said) => void): Promise<unknown> {
    const id = ++last
    return new Promise((resolve, reject) => {
      listeners.set(id, (said) => {
        heard(said)
        if (said.say === 'done') resolve(said.result)
        if (said.say === 'failed') reject(new Error(said.message))
      })
      const invocation: Invocation = { id, event, remainingMs }
      child.send(invocation)
    })
  }

  return {
    // The caller knows what this function answers.
    invoke: async <T>(event: unknown, { remainingMs = 30_000 } = {}) =>
      (await begin(event, remainingMs, () => {})) as T,
    stream(event, { remainingMs = 900_000 } = {}) {
      const chunks: string[] = []
      let head: ReturnType<Streaming['head']>
      const done = begin(event, remainingMs, (said) => {
        // What the host was given, the runtime's head.
        if (said.say === 'head') head = said.head as typeof head
        if (said.say === 'chunk') chunks.push(Buffer.from(said.base64, 'base64').toString())
      })
      return { head: () => head, chunks, done }
    },
    stop: () => void child.kill('SIGKILL'),
  }
}

function printedBy(child: ChildProcess): () => string {
  let text = ''
  for (const out of [child.stdout, child.stderr]) out?.on('data', (part) => (text += String(part)))
  return () => text.slice(-2_000)
}
