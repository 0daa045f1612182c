// The keeper's process as its owner holds it: hears every word with the time it came, wishes, kills.
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { ROOT } from '../vitest.ts'
import type { KeeperWord, KeptTask } from './keeper.ts'
import type { KeeperOrder, KeeperWish } from './keeper-process.ts'

export interface KeeperView {
  readonly kept: readonly KeptTask[]
  readonly surplus: readonly KeptTask[]
  readonly wanted: number
}

export type Word = (KeeperWord | ({ readonly word: 'view' } & KeeperView) | { readonly word: 'removed' }) & {
  /** Of `performance.now()`. */
  readonly at: number
}

type Named<Name extends Word['word']> = Extract<Word, { readonly word: Name }>

export class KeeperHandle {
  readonly words: Word[] = []
  /** Hears each word when it has come. */
  onWord: ((word: Word) => void) | undefined
  /** Hears that its process has ended. */
  onEnd: (() => void) | undefined
  readonly #child: ChildProcess
  readonly #waiting = new Set<() => void>()
  #ended = false
  #errors = ''

  constructor(order: KeeperOrder) {
    this.#child = spawn(
      process.execPath,
      [join(ROOT, 'bin', 'run.js'), 'test/live/keeper-process.ts', JSON.stringify(order)],
      { stdio: ['pipe', 'pipe', 'pipe'], cwd: ROOT },
    )
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#errors += chunk.toString('utf8')
    })
    // A wish to one that was just killed.
    this.#child.stdin?.on('error', () => {})
    const lines = this.#child.stdout === null ? undefined : createInterface({ input: this.#child.stdout })
    lines?.on('line', (line) => {
      // Its own process wrote the line.
      const word = { ...(JSON.parse(line) as Omit<Word, 'at'>), at: performance.now() } as Word
      this.words.push(word)
      this.onWord?.(word)
      for (const wake of this.#waiting) wake()
    })
    this.#child.once('exit', () => {
      this.#ended = true
      this.onEnd?.()
      for (const wake of this.#waiting) wake()
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get hasEnded(): boolean {
    return this.#ended
  }

  /** What it printed when it broke. */
  get errors(): string {
    return this.#errors
  }

  wish(wish: KeeperWish): void {
    this.#child.stdin?.write(`${JSON.stringify(wish)}\n`)
  }

  /** What it has in mind now; undefined when it does not answer. */
  async view(withinMs = 5_000): Promise<KeeperView | undefined> {
    const from = this.words.length
    this.wish({ tell: 'view' })
    return this.until('view', () => true, { from, withinMs }).catch(() => undefined)
  }

  /** The first word of this name for which it holds, from a place in `words` on; waits for it. */
  until<Name extends Word['word']>(
    name: Name,
    holds: (word: Named<Name>) => boolean,
    options: { readonly from?: number; readonly withinMs: number },
  ): Promise<Named<Name>> {
    let next = options.from ?? 0
    return new Promise((resolve, reject) => {
      const look = () => {
        for (; next < this.words.length; next++) {
          const word = this.words[next]
          if (word?.word !== name || !holds(word as Named<Name>)) continue
          done()
          return resolve(word as Named<Name>)
        }
        if (!this.#ended) return
        done()
        reject(new Error(`the scheduler ended before it said '${name}' ${this.#errors}`.trim()))
      }
      const timer = setTimeout(() => {
        done()
        reject(new Error(`the scheduler did not say '${name}' within ${options.withinMs / 1_000} s`))
      }, options.withinMs)
      const done = () => {
        clearTimeout(timer)
        this.#waiting.delete(look)
      }
      this.#waiting.add(look)
      look()
    })
  }

  /** kill -9; resolves when it is gone. */
  kill(): Promise<void> {
    if (this.#ended) return Promise.resolve()
    return new Promise((resolve) => {
      this.#child.once('exit', () => resolve())
      this.#child.kill('SIGKILL')
    })
  }
}
