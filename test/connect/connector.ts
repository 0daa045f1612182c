// A connector in the test's own process, whose line to the cluster can be cut, slowed, and made to lose answers.
import { type Credentials, PASSED } from '../../connect/credentials.ts'
import {
  type FarEnd,
  FarEndAway,
  farEnd,
  type Incoming,
  type Outgoing,
  readWhole,
} from '../../connect/far-end.ts'
import { type Front, startFront } from '../../connect/front.ts'
import type { Clock } from '../../protocol/clock.ts'

export interface Connector {
  readonly url: string
  readonly port: number
  readonly lines: readonly string[]
  /** Polls sent so far. */
  readonly polls: () => number
  /** Nothing gets out from now on, or again. */
  cut(isCut: boolean): void
  /** The answers of the next requests that `isMeant` get lost on their way back: they were handled. */
  loseAnswers(count: number, isMeant?: (request: Outgoing) => boolean): void
  /** As kill -9: every socket is closed, nobody is told. */
  kill(): Promise<void>
  stop(): Promise<void>
}

export async function startConnector(options: {
  /** Asked for each request, so that a cluster can be replaced. */
  readonly url: () => string
  readonly clock: Clock
  readonly port?: number
  readonly credentials?: Credentials
}): Promise<Connector> {
  const { clock, credentials = PASSED } = options
  const lines: string[] = []
  let isCut = false
  let polls = 0
  let losing = { count: 0, isMeant: (_: Outgoing) => true }
  const ends = new Map<string, FarEnd>()
  const current = () => {
    const url = options.url()
    const known = ends.get(url) ?? farEnd({ url, credentials, clock, random: Math.random })
    ends.set(url, known)
    return known
  }
  const send = async (request: Outgoing): Promise<Incoming> => {
    if (isPoll(request)) polls += 1
    if (isCut) throw new FarEndAway('cut off', true)
    const isLost = losing.count > 0 && losing.isMeant(request)
    if (isLost) losing.count -= 1
    const answer = await current().send(request)
    if (isCut || isLost) {
      answer.body.resume()
      throw new FarEndAway('the answer got lost', false)
    }
    return answer
  }
  const flaky: FarEnd = {
    base: new URL(options.url()),
    credentials: credentials.kind,
    send,
    sendPatiently: (request) => send(request),
    callPatiently: async (request) => readWhole(await send(request)),
    close: () => {
      for (const end of ends.values()) end.close()
    },
  }
  const front: Front = await startFront({
    farEnd: flaky,
    clock,
    random: Math.random,
    log: (line) => void lines.push(line),
    host: '127.0.0.1',
    port: options.port ?? 0,
  })
  return {
    url: `http://127.0.0.1:${front.port}`,
    port: front.port,
    lines,
    polls: () => polls,
    cut(now) {
      isCut = now
    },
    loseAnswers(count, isMeant = isPoll) {
      losing = { count, isMeant }
    },
    async kill() {
      isCut = true
      await front.stop()
      flaky.close()
    },
    async stop() {
      await front.stop()
      flaky.close()
    },
  }
}

export function isPoll({ target }: Outgoing): boolean {
  return target === '/api/v1/meseta'
}
