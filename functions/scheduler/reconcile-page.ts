// One page of an implicit reconciliation: tasks with the ledgers of their agents, so that no half state is said.
import { reconcilePage as decide } from '../../master/calls/reconcile.ts'
import type { Change } from '../../master/decision.ts'
import type { Framework, Mail } from '../../master/model.ts'
import type { TaskStatus } from '../../protocol/messages.ts'
import { contextOf } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { loadLedgers } from './loads.ts'

const TASKS_PER_PAGE = 100

export interface ReconciledPage {
  readonly statuses: readonly TaskStatus[]
  /** What becomes of the mail once the page was said: it names the next page, or goes. */
  readonly change: Change
  /** Where the next page begins, as the mail will say it; undefined: this was the last one. */
  readonly after?: string | undefined
}

/** Where a page begins: the shard, and the key it goes on after. */
interface Position {
  readonly shard: number
  readonly after?: string | undefined
}

export async function reconcilePage(
  env: Environment,
  framework: Framework,
  mail: Mail,
): Promise<ReconciledPage> {
  const { frameworkId, shards } = framework
  const { shard, after } = positionOf(mail)
  const page = await env.store.query('tasks', { frameworkId, shard }, { after, limit: TASKS_PER_PAGE })
  const tasks = page.found.map(({ item }) => item)
  const ledgers = await loadLedgers(
    env,
    tasks.map(({ agentId }) => agentId),
  )
  const byAgent = new Map(ledgers.map((ledger) => [ledger.agentId, ledger]))
  const statuses = decide(tasks, byAgent, framework, await contextOf(env))
  const next =
    page.next !== undefined
      ? { shard, after: page.next }
      : shard + 1 < shards
        ? { shard: shard + 1 }
        : undefined
  const written = next === undefined ? undefined : JSON.stringify(next)
  return { statuses, change: turned(env, mail, written), after: written }
}

/** A page was heard: the mail names the next one, or goes. `after` as `reconcilePage` gave it. */
export function turned(env: Pick<Environment, 'ids'>, mail: Mail, after: string | undefined): Change {
  return after === undefined ? removal(mail) : moved(env, mail, after)
}

function positionOf({ body }: Mail): Position {
  const written = body.kind === 'reconcile-all' ? body.after : undefined
  if (written === undefined) return { shard: 0 }
  // Written above, or checked by whoever turned the page.
  return JSON.parse(written) as Position
}

function moved(env: Pick<Environment, 'ids'>, mail: Mail, after: string): Change {
  const { epoch } = mail.body.kind === 'reconcile-all' ? mail.body : { epoch: 0 }
  const item: Mail = {
    ...mail,
    tag: env.ids.random(),
    body: { kind: 'reconcile-all', after, epoch },
  }
  return { do: 'put', kind: 'mail', item, when: { name: 'tag', tag: mail.tag } }
}

function removal({ frameworkId, shard, key, tag }: Mail): Change {
  return { do: 'remove', kind: 'mail', item: { frameworkId, shard, key }, when: { name: 'tag', tag } }
}
