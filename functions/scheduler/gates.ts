// Raises a framework's gates to its epoch, each by itself, only forwards; anybody may do it, from any point.
import { raiseGates } from '../../master/frameworks/gates.ts'
import { workDone } from '../../master/frameworks/lifecycle.ts'
import type { Framework } from '../../master/model.ts'
import type { Environment } from '../environment.ts'
import { tell } from '../tell.ts'

/**
 * After this no transaction admitted to an older session can commit. A gate that is higher already belongs to a newer
 * session, which raises the others itself. Ends by ringing for the reader that has to go.
 */
export async function raiseAll(env: Environment, framework: Framework): Promise<void> {
  const { frameworkId } = framework
  const refs = Array.from({ length: framework.gates }, (_, index) => ({ frameworkId, index }))
  const commits = raiseGates(framework, await env.store.getMany('gate', refs))
  await Promise.all(commits.map((changes) => env.store.commit(changes, env.ids.uuid())))
  await tell(env, [{ tell: 'framework', frameworkId }])
}

/** The gates of a subscription or disconnect whose worker did not come to it; also notes that it is done. */
export async function finishGates(env: Environment, frameworkId: string): Promise<void> {
  const framework = await env.store.get('framework', { frameworkId })
  if (framework?.openWork !== 'gates') return
  await raiseAll(env, framework)
  // If the item has changed meanwhile, whoever changed it has open work of their own.
  await env.store.commit([workDone(framework)], env.ids.uuid())
}
