// What the API of an agent looks at.
import type { Clock } from '../../protocol/clock.ts'
import type { AgentInfo, FileInfo } from '../../protocol/messages.ts'
import type { Acting } from '../acting.ts'
import type { Containers } from '../containers.ts'
import type { ExecutorStreams } from '../executor/streams.ts'
import type { Log } from '../log.ts'
import type { SandboxOf } from '../sandboxes.ts'
import type { HttpAnswer } from './http.ts'

export interface ApiContext {
  readonly acting: Acting
  readonly streams: ExecutorStreams
  readonly containers: Containers
  readonly files: ApiFiles
  readonly agentInfo: () => AgentInfo
  readonly ip: string
  /** ms since 1970 */
  readonly startTime: number
  readonly clock: Clock
  readonly log: Log
  readonly flags: Readonly<Record<string, string>>
  readonly sandboxOf: (of: SandboxOf) => string
}

/** Sandboxes as the file endpoints see them; what is refused comes back as the answer to give. */
export interface ApiFiles {
  list(path: string): Promise<{ readonly files: readonly FileInfo[] } | HttpAnswer>
  read(
    path: string,
    offset: number,
    length: number | undefined,
  ): Promise<{ readonly size: number; readonly data: Buffer } | HttpAnswer>
  download(path: string): Promise<HttpAnswer>
  /** Virtual path to real one. */
  debug(): Readonly<Record<string, string>>
}
