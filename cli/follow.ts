// Copies a sandbox's stdout and stderr to ours as they grow, by the agent's file API.
import { readFile } from './cluster.ts'

export interface Follower {
  /** Copies what is left and stops. */
  finish(): Promise<void>
}

const LOOK_EVERY_MS = 150

/** Starts to follow both files of a sandbox; a file that is not there yet is waited for. */
export function follow(agent: string, sandbox: string): Follower {
  const followers = [
    followFile(agent, `${sandbox}/stdout`, process.stdout),
    followFile(agent, `${sandbox}/stderr`, process.stderr),
  ]
  return { finish: async () => void (await Promise.all(followers.map((follower) => follower.finish()))) }
}

/** Follows one file from an offset (bytes); without one from its beginning. */
export function followFile(agent: string, path: string, to: NodeJS.WritableStream, from = 0): Follower {
  let offset = from
  let ending = false
  let wake = () => {}
  const done = loop()
  return {
    finish() {
      ending = true
      wake()
      return done
    },
  }

  async function loop(): Promise<void> {
    for (;;) {
      // Read after seeing `ending`, so that nothing written before it is missed.
      const last = ending
      await drain()
      if (last) return
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LOOK_EVERY_MS)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
        if (ending) wake()
      })
    }
  }

  async function drain(): Promise<void> {
    for (;;) {
      const read = await readFile(agent, path, offset).catch(() => undefined)
      if (read === undefined || read.data.length === 0) return
      offset += read.data.length
      to.write(read.data)
    }
  }
}
