// The open event streams of executors: one each, the newest wins.
import { encodeMessage } from '../../protocol/codec.ts'
import type { MediaType } from '../../protocol/media-types.ts'
import type { ExecutorEvent } from '../../protocol/messages.ts'
import { encodeRecord } from '../../protocol/recordio.ts'
import type { RecordSink } from '../api/http.ts'
import type { ExecutorKey } from '../state.ts'

interface Stream {
  readonly sink: RecordSink
  readonly mediaType: MediaType
}

export class ExecutorStreams {
  private readonly streams = new Map<ExecutorKey, Stream>()

  /** Attaches a new stream; the one before is closed without a word (C128). Returns whether a stream is still the current one. */
  open(key: ExecutorKey, sink: RecordSink, mediaType: MediaType): () => boolean {
    const stream = { sink, mediaType }
    const before = this.streams.get(key)
    this.streams.set(key, stream)
    before?.sink.end()
    return () => this.streams.get(key) === stream
  }

  /** An event for an executor without a stream is lost, as it would be on a broken one. */
  send(key: ExecutorKey, event: ExecutorEvent): void {
    const stream = this.streams.get(key)
    if (stream === undefined) return
    stream.sink.write(encodeRecord(encodeMessage('mesos.v1.executor.Event', stream.mediaType, event)))
  }

  close(key: ExecutorKey): void {
    const stream = this.streams.get(key)
    this.streams.delete(key)
    stream?.sink.end()
  }
}
