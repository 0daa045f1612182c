// A client that hides nothing: bytes into a socket, bytes out of it.
import { connect, type Socket } from 'node:net'

export interface RawConnection {
  send(bytes: string | Uint8Array): void
  /** All that was received so far, as Latin-1 text: one character per byte. */
  received(): string
  /** Waits until the received text matches; rejects after five seconds or when the peer closes first. */
  until(pattern: RegExp): Promise<RegExpExecArray>
  /** The peer's end of the connection, or its death. */
  readonly closed: Promise<void>
  isClosed(): boolean
  end(): void
}

export async function rawConnection(port: number): Promise<RawConnection> {
  const socket: Socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  let text = ''
  let over = false
  const watchers = new Set<() => void>()
  const notify = () => {
    for (const watcher of [...watchers]) watcher()
  }
  socket.setEncoding('latin1')
  socket.on('data', (part) => {
    text += part
    notify()
  })
  const closed = new Promise<void>((resolve) => {
    const end = () => {
      over = true
      notify()
      resolve()
    }
    socket.on('end', end)
    socket.on('close', end)
    socket.on('error', end)
  })
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
  return {
    send: (bytes) => void socket.write(bytes),
    received: () => text,
    closed,
    isClosed: () => over,
    end: () => void socket.destroy(),
    until(pattern) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => fail('time is over'), 5_000)
        const fail = (why: string) => {
          clearTimeout(timer)
          watchers.delete(look)
          reject(new Error(`${why} before ${pattern} was seen in ${JSON.stringify(text)}`))
        }
        const look = () => {
          const match = pattern.exec(text)
          if (match === null) return void (over && fail('the peer closed'))
          clearTimeout(timer)
          watchers.delete(look)
          resolve(match)
        }
        watchers.add(look)
        look()
      })
    },
  }
}

/** The chunks of a chunked body, as they stood on the wire. */
export function chunksOf(response: string): string[] {
  const chunks: string[] = []
  let rest = response.slice(response.indexOf('\r\n\r\n') + 4)
  for (;;) {
    const match = /^([0-9a-f]+)\r\n/i.exec(rest)
    if (match === null) return chunks
    const length = Number.parseInt(match[1] ?? '', 16)
    const begin = match[0].length
    if (rest.length < begin + length + 2) return chunks
    chunks.push(rest.slice(begin, begin + length))
    rest = rest.slice(begin + length + 2)
  }
}
