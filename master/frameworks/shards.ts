// In which shard of its framework a task, and mail about it, stands.
import { placeOf } from '../../protocol/hash.ts'
import type { Framework } from '../model.ts'

/** The shard of a task id, or of anything else a framework has many of; stays the same for the framework's life. */
export function shardOf(framework: Pick<Framework, 'shards'>, id: string): number {
  return placeOf(id, framework.shards)
}
