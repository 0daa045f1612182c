// Requests over the simulated network to the control plane's front: lost, doubled, cut off by a host that dies.
import type { HttpAnswer, HttpRequest } from '../../functions/http/types.ts'
import type { SchedulerCall } from '../../protocol/messages.ts'
import type { Histories } from './linearizability-histories.ts'
import type { Plane } from './plane.ts'
import type { Chance, VirtualTime } from './virtual-time.ts'
import type { Weather } from './weather.ts'

export interface Network {
  readonly time: VirtualTime
  readonly chance: Chance
  readonly weather: Weather
  readonly plane: () => Plane
  readonly histories?: Histories | undefined
}

export const TIMEOUT_MS = 30_000

export class NoAnswer extends Error {}

type Answered = HttpAnswer & { readonly onBreak: (action: () => void) => () => void }

/** Sends one request; rejects with `NoAnswer` when it or its answer is lost. `isCut`: no way there at all. */
export function post(
  network: Network,
  path: string,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
  isCut: () => boolean = () => false,
): Promise<Answered> {
  const { time, chance, weather } = network
  const request: HttpRequest = {
    method: 'POST',
    path,
    query: new URLSearchParams(),
    headers,
    body,
    params: {},
  }
  const told = recording(network, request)
  return new Promise((resolve, reject) => {
    const cancel = time.after(TIMEOUT_MS, () => reject(new NoAnswer('timed out')))
    const isStream = path.endsWith('/scheduler') && headers['mesos-stream-id'] === undefined
    if (!isStream && chance.happens(weather.rates.netRepeated)) {
      time.after(chance.between(1, 5_000), () => void deliver(() => {}).catch(() => {}))
    }
    // Nobody waits for the answer to a copy: only the first one's ends the waiting.
    void deliver((answer) => {
      cancel()
      told?.(answer.status, answer.headers['mesos-stream-id'])
      resolve(answer)
    }).catch(() => {})

    async function deliver(take: (answer: Answered) => void): Promise<void> {
      await new Promise<void>((go) => time.after(chance.between(1, 20), go))
      if (isCut() || chance.happens(weather.rates.netLost)) return
      const front = network.plane().front(chance, path)
      if (front === undefined) {
        time.after(chance.between(1, 50), () => reject(new NoAnswer('connection refused')))
        return
      }
      const { process, answer } = front
      const forget = process.onDeath(() => {
        time.after(chance.between(1, 50), () => reject(new NoAnswer('connection reset')))
      })
      const answered = await answer(request)
      forget()
      if (process.isDead || isCut() || chance.happens(weather.rates.netAnswerLost)) return
      time.after(chance.between(1, 20), () => {
        take({ ...answered, onBreak: (action) => process.onDeath(action) })
      })
    }
  })
}

/** The history of what frameworks call; undefined for others. */
function recording(
  { histories }: Network,
  { path, headers, body }: HttpRequest,
): ReturnType<Histories['called']> | undefined {
  if (histories === undefined || !path.endsWith('/scheduler')) return undefined
  // Encoded by the simulated framework, which speaks JSON.
  return histories.called(
    JSON.parse(Buffer.from(body).toString()) as SchedulerCall,
    headers['mesos-stream-id'],
  )
}
