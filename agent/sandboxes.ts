// Where the sandbox of each container is, as Mesos lays it out below the work directory.
import { join } from 'node:path'
import type { ContainerID } from '../protocol/messages.ts'

export interface SandboxOf {
  readonly agentId: string
  readonly frameworkId: string
  readonly executorId: string
  readonly containerId: ContainerID
}

/** A nested container's is below its executor's, so that whoever looks at the one finds the other. */
export function sandboxPath(workDir: string, of: SandboxOf): string {
  const { parent, value } = of.containerId
  const { agentId, frameworkId, executorId } = of
  const executor = join(
    workDir,
    'slaves',
    agentId,
    'frameworks',
    frameworkId,
    'executors',
    executorId,
    'runs',
  )
  return parent === undefined ? join(executor, value) : join(executor, parent.value, 'containers', value)
}
