// A gateway in bad weather: requests do not arrive, answers do not come back, others are turned away, by seed.
import { createServer, request } from 'node:http'

export interface Weather {
  readonly url: string
  /** How often each thing happened. */
  readonly counts: Readonly<Record<Fate, number>>
  clearUp(): void
  stop(): Promise<void>
}

type Fate = 'passed' | 'not arrived' | 'answer lost' | 'answer torn' | 'turned away'

/** @param random in [0, 1); four of ten requests meet something */
export async function badWeather(to: string, random: () => number): Promise<Weather> {
  const counts = { passed: 0, 'not arrived': 0, 'answer lost': 0, 'answer torn': 0, 'turned away': 0 }
  let isClear = false
  const chosen = (): Fate => {
    const chance = isClear ? 1 : random()
    if (chance < 0.1) return 'not arrived'
    if (chance < 0.2) return 'answer lost'
    if (chance < 0.3) return 'answer torn'
    return chance < 0.4 ? 'turned away' : 'passed'
  }
  const server = createServer(async (incoming, outgoing) => {
    const parts: Buffer[] = []
    for await (const part of incoming) parts.push(part)
    const fate = chosen()
    counts[fate] += 1
    if (fate === 'not arrived') return void incoming.socket.destroy()
    if (fate === 'turned away') {
      const status = [429, 502, 503, 504][Math.floor(random() * 4)] ?? 503
      return void outgoing.writeHead(status).end('not now')
    }
    const { host: _, ...headers } = incoming.headers
    const passed = request(
      `${to}${incoming.url}`,
      { method: incoming.method ?? 'GET', headers, agent: false },
      (answer) => {
        const body: Buffer[] = []
        answer.on('data', (part: Buffer) => body.push(part))
        answer.on('end', () => {
          const whole = Buffer.concat(body)
          if (fate === 'answer lost') return void incoming.socket.destroy()
          outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
          if (fate === 'passed') return void outgoing.end(whole)
          outgoing.write(whole.subarray(0, whole.length / 2))
          outgoing.write('', () => incoming.socket.destroy())
        })
      },
    )
    passed.on('error', () => incoming.socket.destroy())
    passed.end(Buffer.concat(parts))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    counts,
    clearUp() {
      isClear = true
    },
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
