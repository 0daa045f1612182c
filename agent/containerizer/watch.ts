// Notices that a container may have ended. Either way can miss it, so there are two, and a sweep besides.
import { constants, type FSWatcher, open, watch as watchFiles } from 'node:fs'
import { Socket } from 'node:net'
import { systemClock } from '../../protocol/clock.ts'
import { recordFile } from './record.ts'

/** When to look again after the end of a FIFO. */
const ENDING_MS = [5, 25, 125]

/** Calls `onHint` when the exit is written. It may come too often, and not at all; the returned function ends it. */
export function watchExit(directory: string, onHint: () => void): () => void {
  let watcher: FSWatcher | undefined
  try {
    watcher = watchFiles(directory, { persistent: false }, (_, name) => {
      if (name === null || name === 'exit') onHint()
    })
    watcher.on('error', () => watcher?.close())
  } catch {
    // The machine's limit of watches is reached: the other ways remain.
  }
  return () => watcher?.close()
}

/** Calls `onHint` when the shim is gone or has written the exit: at the end of the FIFO it held open until then. */
export function watchShim(directory: string, onHint: () => void): () => void {
  let stopped = false
  let socket: Socket | undefined
  // Not blocking: a shim that is gone does not open the other end any more.
  open(recordFile.alive(directory), constants.O_RDONLY | constants.O_NONBLOCK, (error, fd) => {
    if (error !== null) return onHint()
    socket = new Socket({ fd, readable: true, writable: false })
    socket.unref()
    socket.on('error', () => {})
    socket.on('close', () => {
      if (stopped) return
      onHint()
      // A process that is being ended closes its files first: it may not be seen as gone yet.
      for (const ms of ENDING_MS) systemClock.after(ms, onHint)
    })
    socket.resume()
    if (stopped) socket.destroy()
    // It may have died before this end was open: then no end of file follows.
    else onHint()
  })
  return () => {
    stopped = true
    socket?.destroy()
  }
}
