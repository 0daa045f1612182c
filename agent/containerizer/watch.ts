// Notices that a container may have ended. Each way can miss it, so there are three, and a sweep besides.
import { constants, type FSWatcher, open as openCallback, watch as watchFiles } from 'node:fs'
import { Socket } from 'node:net'
import { systemClock } from '../../protocol/clock.ts'
import { recordFile } from './record.ts'

const ENDING_MS = [5, 25, 125]

/**
 * Calls `onHint` when files of the record change, and when the FIFO that the shim holds open reaches its end.
 * A hint says: look. It may come too often, and not at all; the returned function ends it.
 */
export function watchRecord(
  directory: string,
  { onHint, fifo }: { readonly onHint: () => void; readonly fifo: boolean },
): () => void {
  const stopFiles = watchExitFile(directory, onHint)
  const stopFifo = fifo ? watchFifo(recordFile.alive(directory), onHint) : () => {}
  return () => {
    stopFiles()
    stopFifo()
  }
}

function watchExitFile(directory: string, onHint: () => void): () => void {
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

function watchFifo(path: string, onHint: () => void): () => void {
  let stopped = false
  let socket: Socket | undefined
  // Not blocking: a shim that is gone does not open the other end any more.
  openCallback(path, constants.O_RDONLY | constants.O_NONBLOCK, (error, fd) => {
    if (error !== null) return onHint()
    socket = new Socket({ fd, readable: true, writable: false })
    socket.unref()
    socket.on('error', () => {})
    socket.on('close', () => {
      onHint()
      // A process that is being ended closes its files first: it may not be seen as gone yet.
      if (!stopped) for (const ms of ENDING_MS) systemClock.after(ms, onHint)
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
