// Instance metadata as EC2 serves it, version 2: nothing without a token, and what is not there is a 404.
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Of a Spot instance in Ireland; tests change and take away what they like. */
const VALUES = {
  'instance-id': 'i-0123456789abcdef0',
  'placement/availability-zone': 'eu-west-1b',
  'placement/region': 'eu-west-1',
  'instance-type': 'm7g.large',
  'instance-life-cycle': 'spot',
  'local-ipv4': '127.0.0.1',
  'local-hostname': 'ip-10-0-0-1.eu-west-1.compute.internal',
  'autoscaling/target-lifecycle-state': 'InService',
}

export class FakeMetadata {
  readonly values = new Map<string, string>(Object.entries(VALUES))
  /** Every path asked for with a good token. */
  readonly asked: string[] = []
  /** How many tokens were given. */
  tokens = 0
  /** Whoever asks waits for ever. */
  isStuck = false
  readonly #known = new Set<string>()
  #server: Server | undefined

  get url(): string {
    const address = this.#server?.address() as AddressInfo
    return `http://127.0.0.1:${address.port}`
  }

  async serve(): Promise<this> {
    this.#server = createServer((request, response) => this.#answer(request, response))
    await new Promise<void>((resolve) => this.#server?.listen(0, '127.0.0.1', resolve))
    return this
  }

  close(): void {
    this.#server?.closeAllConnections()
    this.#server?.close()
  }

  /** No token that was given counts any more. */
  forgetTokens(): void {
    this.#known.clear()
  }

  #answer({ method, url = '', headers }: IncomingMessage, response: ServerResponse): void {
    if (this.isStuck) return
    const end = (status: number, text = '') => response.writeHead(status).end(text)
    if (method === 'PUT' && url === '/latest/api/token') {
      if (!/^\d+$/.test(String(headers['x-aws-ec2-metadata-token-ttl-seconds']))) return void end(400)
      this.tokens++
      const token = randomUUID()
      this.#known.add(token)
      return void end(200, token)
    }
    if (!this.#known.has(String(headers['x-aws-ec2-metadata-token']))) return void end(401)
    const path = url.replace('/latest/meta-data/', '')
    this.asked.push(path)
    const value = this.values.get(path)
    if (value === undefined) end(404)
    else end(200, value)
  }
}
