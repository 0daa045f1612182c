// Copies a sandbox's stdout and stderr to ours as they grow, by the agent's file API.
import { readFile } from './cluster.ts'

export interface Follower {
  /** Copies what is left and stops. */
  finish(): Promise<void>
}

/** No try of ours gets there: agents in a network of their own are reached from inside only. */
const NO_WAY = /\((UND_ERR_CONNECT_TIMEOUT|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND)\)/
const cutOff = new Set<string>()

/** Once for all files of an agent. */
function sayCutOff(agent: string): void {
  if (cutOff.has(agent)) return
  cutOff.add(agent)
  process.stderr.write(
    `meseta: the output is on its agent at ${agent}, which cannot be reached from this machine\n`,
  )
}

const LOOK_EVERY_MS = 150
/** Tries to read the rest at the end, as far apart as looks are. */
const MAX_FAILURES = 5

/** Starts to follow both files of a sandbox; a file that is not there yet is waited for. */
export function follow(agent: string, sandbox: string): Follower {
  const followers = [
    followFile(agent, `${sandbox}/stdout`, process.stdout),
    followFile(agent, `${sandbox}/stderr`, process.stderr),
  ]
  return { finish: async () => void (await Promise.all(followers.map((follower) => follower.finish()))) }
}

/** Resolves when there is room again, or nobody reads any more. */
function taken(to: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ['drain', 'error', 'close']) to.once(event, () => resolve())
  })
}

/** Follows one file from an offset (bytes); without one from its beginning. */
export function followFile(agent: string, path: string, to: NodeJS.WritableStream, from = 0): Follower {
  let offset = from
  let ending = false
  let failures = 0
  let isCutOff = false
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
      const whole = await drain()
      if (isCutOff) return sayCutOff(agent)
      if (last && (whole || ++failures > MAX_FAILURES)) {
        if (!whole) process.stderr.write(`meseta: ${path} could not be read to its end\n`)
        return
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LOOK_EVERY_MS)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
        if (ending && failures === 0) wake()
      })
    }
  }

  /** False when the file could not be read: not there yet, or its agent does not answer. */
  async function drain(): Promise<boolean> {
    for (;;) {
      const read = await readFile(agent, path, offset).catch((error: Error) => {
        isCutOff = NO_WAY.test(error.message)
        return undefined
      })
      if (read === undefined) return false
      if (read.data.length === 0) return true
      offset += read.data.length
      if (!to.write(read.data)) await taken(to)
    }
  }
}
