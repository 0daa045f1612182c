// A connector inside another program: for a framework that finds a deployed cluster and talks to it as to a Mesos master.
import { type Clock, systemClock } from '../protocol/clock.ts'
import { type Credentials, PASSED } from './credentials.ts'
import { farEnd } from './far-end.ts'
import { startFront } from './front.ts'

export interface BesideOptions {
  /** The cluster, with its stage. */
  readonly url: string
  /** Without any, the `Authorization` that calls bring is passed on. */
  readonly credentials?: Credentials | undefined
  /** A line per trouble. */
  readonly log?: ((line: string) => void) | undefined
  readonly clock?: Clock | undefined
}

export interface Beside {
  /** A plain Mesos master on a free port of loopback. */
  readonly url: string
  /** Ends streams at a record. */
  stop(): Promise<void>
}

/** Listens until it is stopped. Whether the cluster answers is seen by the first call. */
export async function standBeside(options: BesideOptions): Promise<Beside> {
  const { url, credentials = PASSED, log = () => {}, clock = systemClock } = options
  const far = farEnd({ url, credentials, clock, random: Math.random })
  const shared = { farEnd: far, clock, random: Math.random, log }
  const front = await startFront({ ...shared, host: '127.0.0.1', port: 0 })
  return {
    url: `http://127.0.0.1:${front.port}`,
    async stop() {
      await front.stop()
      far.close()
    },
  }
}
