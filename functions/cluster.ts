// Who this cluster is: made at the very first start, read once per process, never changed but by a restore.
import type { Cluster } from '../master/model.ts'
import type { Clock } from '../protocol/clock.ts'
import type { Store } from '../store/store.ts'
import type { Ids } from './environment.ts'

/** Reads the cluster's item, or makes it; two first starts at once agree on one. */
export async function ensureCluster(
  store: Store,
  ids: Ids,
  clock: Pick<Clock, 'now'>,
): Promise<Pick<Cluster, 'id' | 'timeline'>> {
  const known = await store.get('cluster', {})
  if (known !== undefined) return known
  const item: Cluster = { version: 0, id: ids.uuid(), timeline: 0, createdAt: clock.now() }
  await store.commit([{ do: 'put', kind: 'cluster', item, when: { name: 'absent' } }], ids.uuid())
  const made = await store.get('cluster', {})
  if (made === undefined)
    throw new Error('the cluster item was written and is not there; is the table the right one?')
  return made
}
