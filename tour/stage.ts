// How the tour looks: on a terminal with colours and a running clock, elsewhere one line after the other.
import { styleText } from 'node:util'
import { createLogUpdate } from 'log-update'
import { cut } from '../local/layout.ts'
import type { Scene } from './chapter.ts'

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const FRAME_MS = 100

export interface Stage {
  say(line: string): void
  /** Draws a scene; the clock runs until `done` or `failed`. */
  scene(number: number, scene: Scene): Act
  /** Work that is no scene. */
  work(text: string): Act
  /** Takes what moves away. */
  close(): void
}

export interface Act {
  now(text: string): void
  done(text: string): void
  failed(text: string): void
}

export function openStage(): Stage {
  const live = process.stdout.isTTY === true
  // The cursor stays visible: a `kill -9` of this process must not leave a terminal without one.
  const update = live ? createLogUpdate(process.stdout, { showCursor: true }) : undefined
  let timer: NodeJS.Timeout | undefined
  return {
    say,
    scene(number, { title, does, mesos, nomad }) {
      say('')
      say(`  ${styleText('dim', String(number))} ${styleText('bold', title)}`)
      say(`    ${styleText('yellow', 'fault')}   ${does}`)
      say(`    ${styleText('dim', `Mesos   ${mesos}`)}`)
      say(`    ${styleText('dim', `Nomad   ${nomad}`)}`)
      return act(`    ${styleText('cyan', 'Meseta')}  `)
    },
    work: (text) => act(`  ${text} `),
    close,
  }

  function act(head: string): Act {
    const began = performance.now()
    let waiting = ''
    let turn = 0
    const draw = () => {
      const passed = ((performance.now() - began) / 1_000).toFixed(1)
      const sign = FRAMES[turn++ % FRAMES.length] ?? ''
      const text = `${head}${styleText('yellow', sign)} ${styleText('bold', `${passed} s`)}  ${styleText('dim', waiting)}`
      update?.(cut(text, process.stdout.columns ?? 80))
    }
    if (live) timer = setInterval(draw, FRAME_MS)
    const end = (text: string) => {
      close()
      say(`${head}${text}`)
    }
    return {
      now(text) {
        waiting = `waiting for ${text}`
      },
      done: (text) => end(`${styleText('green', '✓')} ${text}`),
      failed: (text) => end(`${styleText('red', '✗ did not hold:')} ${text}`),
    }
  }

  function say(line: string): void {
    process.stdout.write(`${line}\n`)
  }

  function close(): void {
    clearInterval(timer)
    timer = undefined
    update?.clear()
    update?.done()
  }
}
