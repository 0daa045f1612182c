// Brings a task's files into its sandbox, as the user its command will run as.
import { LaunchFailed } from './containerizer/containerizer.ts'
import type { ContainerOrder } from './containers.ts'
import { fetchUris } from './fetcher.ts'
import { fetchDirectory } from './paths.ts'

export interface FetchingOptions {
  readonly workDir: string
  /** Mesos: --switch_user; needs root. */
  readonly switchUser: boolean
}

/** Nothing is read for a task which it could not read itself. Rejects with a sentence. */
export async function fetchFiles(
  { workDir, switchUser }: FetchingOptions,
  order: ContainerOrder,
  signal: AbortSignal,
): Promise<void> {
  const fetched = await fetchUris(order.command.uris ?? [], {
    sandbox: order.sandbox,
    stagingDirectory: fetchDirectory(workDir),
    ...(switchUser && order.user ? { user: order.user } : {}),
    signal,
  })
  if (fetched.kind === 'failed')
    throw new LaunchFailed('launch', `Failed to launch container: ${fetched.message}`)
}
