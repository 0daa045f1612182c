// Where everything is below the work directory of an agent: names only, nothing is touched.
//
//   <work dir>/
//     meta/                                      what the agent must not forget, see checkpoint.ts
//     containers/<container id>/                 the record of each container, see containerizer/record.ts
//     shims/                                     compiled shims
//     fetch/                                     files on their way into a sandbox; emptied at start
//     trash/                                     sandboxes being removed; emptied at start
//     volumes/roles/<role>/<persistence id>/     persistent volumes; `/` in a role is a blank here
//     slaves/<agent id>/
//       frameworks/<framework id>/
//         executors/<executor id>/
//           runs/latest -> <container id>
//           runs/<container id>/                 the sandbox, as Mesos lays it out
//             containers/<container id>/         sandboxes of the executor's nested containers
//
// Ids have been validated long before they come here. They are checked again all the same: a directory name is
// the last place where `..` can be stopped.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { idError, roleError } from '../protocol/ids.ts'

export interface ExecutorIds {
  readonly agentId: string
  readonly frameworkId: string
  readonly executorId: string
}

export interface RunIds extends ExecutorIds {
  /** The executor's container, and below it the nested ones, outermost first. */
  readonly containerIds: readonly [string, ...string[]]
}

export const metaDirectory = (workDir: string): string => join(workDir, 'meta')
export const containersDirectory = (workDir: string): string => join(workDir, 'containers')
export const shimsDirectory = (workDir: string): string => join(workDir, 'shims')
export const fetchDirectory = (workDir: string): string => join(workDir, 'fetch')
export const trashDirectory = (workDir: string): string => join(workDir, 'trash')
export const agentsDirectory = (workDir: string): string => join(workDir, 'slaves')

export function agentDirectory(workDir: string, agentId: string): string {
  return join(agentsDirectory(workDir), named(agentId))
}

export function frameworkDirectory(workDir: string, ids: Omit<ExecutorIds, 'executorId'>): string {
  return join(agentDirectory(workDir, ids.agentId), 'frameworks', named(ids.frameworkId))
}

export function executorDirectory(workDir: string, ids: ExecutorIds): string {
  return join(frameworkDirectory(workDir, ids), 'executors', named(ids.executorId))
}

/** The sandbox of a container; of a nested one inside that of its parent. */
export function sandboxDirectory(workDir: string, ids: RunIds): string {
  const [run, ...nested] = ids.containerIds.map(named)
  const below = nested.flatMap((id) => ['containers', id])
  return join(executorDirectory(workDir, ids), 'runs', run ?? '', ...below)
}

/** A link to the newest run of an executor. */
export function latestRunLink(workDir: string, ids: ExecutorIds): string {
  return join(executorDirectory(workDir, ids), 'runs', 'latest')
}

/** What the file endpoints call the newest run of an executor. */
export function latestRunVirtualPath({ frameworkId, executorId }: Omit<ExecutorIds, 'agentId'>): string {
  return `/frameworks/${named(frameworkId)}/executors/${named(executorId)}/runs/latest`
}

/** What the file endpoints call the agent's log. */
export const LOG_VIRTUAL_PATH = '/slave/log'

export function volumeDirectory(
  workDir: string,
  { role, persistenceId }: { readonly role: string; readonly persistenceId: string },
): string {
  const problem = roleError(role)
  assert(problem === undefined, problem)
  return join(workDir, 'volumes', 'roles', role.replaceAll('/', ' '), named(persistenceId))
}

/** The id as one step of a path; throws for what is none. */
function named(id: string): string {
  const problem = idError(id)
  assert(problem === undefined, problem)
  return id
}
