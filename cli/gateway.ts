// Whether something stands in front of a cluster that ends every answer, and how `meseta run` holds its stream then.
import type { Beside } from '../connect/beside.ts'
import { identifyAlso } from './credentials.ts'

/**
 * A control plane on one machine is plain http at a port, without a path; so is a connector. Whatever has a stage or
 * TLS is behind a gateway, which hands answers out when they are whole, or ends them after minutes.
 */
export function isBehindGateway(master: string): boolean {
  const { protocol, pathname } = new URL(master)
  return protocol === 'https:' || pathname !== '/'
}

/** A connector of our own, on loopback: it polls where a stream would end, and waits where the cluster is away. */
export async function throughConnector(master: string, say: (line: string) => void): Promise<Beside> {
  const { standBeside } = await import('../connect/beside.ts')
  // That a session is over, the run says itself.
  const log = (line: string) => (/its session is over/.test(line) ? undefined : say(line))
  const beside = await standBeside({ url: master, log })
  identifyAlso(beside.url)
  return beside
}
