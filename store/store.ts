// The memory as everybody else sees it: get, query, commit. DynamoDB is known in this folder only.
import type { Change, Refs } from '../master/decision.ts'
import type { ItemKind, Items } from '../master/model.ts'

/** Partitions that can be listed, with the fields their key is made of and the kinds found there. */
export interface Partitions {
  /** Kinds ledger, run, executor, hold of one agent. */
  readonly agent: { readonly agentId: string }
  /** The agent index of one shard. */
  readonly agents: { readonly shard: number }
  /** Agents that ran on one EC2 instance. */
  readonly instance: { readonly instanceId: string }
  /** Of one framework: its ACCEPTs in pieces. */
  readonly accepting: { readonly frameworkId: string }
  readonly frameworks: Record<never, never>
  /** Tasks of one shard of a framework. */
  readonly tasks: { readonly frameworkId: string; readonly shard: number }
  readonly mail: { readonly frameworkId: string; readonly shard: number }
  readonly losses: Record<never, never>
}

export interface PartitionKinds {
  readonly agent: 'ledger' | 'run' | 'executor' | 'hold'
  readonly agents: 'agent'
  readonly instance: 'instance'
  readonly accepting: 'accepting'
  readonly frameworks: 'framework'
  readonly tasks: 'task'
  readonly mail: 'mail'
  readonly losses: 'loss'
}

export type Found<K extends ItemKind> = { [P in K]: { readonly kind: P; readonly item: Items[P] } }[K]

export interface Page<K extends ItemKind> {
  readonly found: readonly Found<K>[]
  /** Give it back as `after` to read on; absent at the end. */
  readonly next?: string | undefined
}

export type CommitResult =
  | { readonly kind: 'committed' }
  /** At least one condition did not hold; nothing was written. Load again, decide again. */
  | { readonly kind: 'conflicted'; readonly failed: readonly Change[] }

export type AnyRef = { [K in ItemKind]: { readonly kind: K; readonly ref: Refs[K] } }[ItemKind]

/** The table did not answer within the budget; whoever called is asked to come back (503, or the queue repeats). */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}

/**
 * All reads are consistent. Items past their `ttl` are not returned. Throttling, transaction conflicts and network
 * errors are retried inside with jitter and a budget; after that the call throws `StoreUnavailable`, and whoever
 * called it is repeated.
 */
export interface Store {
  get<K extends ItemKind>(kind: K, ref: Refs[K]): Promise<Items[K] | undefined>
  /** In the order asked; one round trip per hundred. Not a snapshot. */
  getMany<K extends ItemKind>(kind: K, refs: readonly Refs[K][]): Promise<readonly (Items[K] | undefined)[]>
  /** Items of several kinds in one round trip; not a snapshot. */
  load<const R extends readonly AnyRef[]>(
    refs: R,
  ): Promise<{ [I in keyof R]: Items[R[I]['kind']] | undefined }>
  /** One page (at most `limit` items, or 1 MB), in key order. A query is no snapshot. */
  query<P extends keyof Partitions>(
    partition: P,
    ref: Partitions[P],
    options?: {
      readonly after?: string | undefined
      readonly limit?: number | undefined
      /** Only this kind of the partition. */
      readonly only?: PartitionKinds[P] | undefined
    },
  ): Promise<Page<PartitionKinds[P]>>
  /**
   * All or nothing. `token` names the decision: the same for every retry of it, another one when decided anew.
   * A commit whose answer was lost and that is found to have taken effect counts as committed.
   */
  commit(changes: readonly Change[], token: string): Promise<CommitResult>
}

/** Every item of a partition, page after page. For lists and small partitions only. */
export async function all<P extends keyof Partitions>(
  store: Store,
  partition: P,
  ref: Partitions[P],
  only?: PartitionKinds[P],
): Promise<readonly Found<PartitionKinds[P]>[]> {
  const found: Found<PartitionKinds[P]>[] = []
  let after: string | undefined
  do {
    const page = await store.query(partition, ref, { after, only })
    found.push(...page.found)
    after = page.next
  } while (after !== undefined)
  return found
}
