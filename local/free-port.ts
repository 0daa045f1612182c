// Finds free TCP ports on loopback, and tells whether a given one is free.
import { createServer } from 'node:net'

/** A port nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        address !== null && typeof address === 'object'
          ? resolve(address.port)
          : reject(new Error('no port')),
      )
    })
  })
}

/** True when nobody listens on the port of loopback. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/** The first of so many ports in a row that nobody listens on now. */
export async function freePorts(howMany: number): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const first = await freePort()
    const row = Array.from({ length: howMany }, (_, index) => first + index)
    if (row.every((port) => port < 65_536) && (await Promise.all(row.map(isFree))).every(Boolean))
      return first
  }
  throw new Error(`no ${howMany} free ports in a row were found; give a --port`)
}
