// The table below all hosts, some of whose partitions take no calls for a while: too much was asked of them.
import { type Store, StoreUnavailable } from '../../store/store.ts'
import type { Weather } from './weather.ts'

/** A partition here is all that stands under one agent's or framework's id. */
export function throttledStore(
  store: Store,
  weather: Pick<Weather, 'isThrottled' | 'isAnyThrottled'>,
): Store {
  const check = (refs: readonly object[]) => {
    if (weather.isAnyThrottled() && refs.some((ref) => idsOf(ref).some((id) => weather.isThrottled(id))))
      throw new StoreUnavailable('a partition is throttled (simulated)')
  }
  return {
    get: async (kind, ref) => {
      check([ref])
      return await store.get(kind, ref)
    },
    getMany: async (kind, refs) => {
      check(refs)
      return await store.getMany(kind, refs)
    },
    load: async (refs) => {
      if (weather.isAnyThrottled()) check(refs.map(({ ref }) => ref))
      return await store.load(refs)
    },
    query: async (partition, ref, options) => {
      check([ref])
      return await store.query(partition, ref, options)
    },
    commit: async (changes, token) => {
      if (weather.isAnyThrottled()) check(changes.map(({ item }) => item))
      return await store.commit(changes, token)
    },
  }
}

function idsOf(ref: object): string[] {
  const ids: unknown[] = [
    'agentId' in ref ? ref.agentId : undefined,
    'frameworkId' in ref ? ref.frameworkId : undefined,
  ]
  return ids.filter((id) => typeof id === 'string')
}
