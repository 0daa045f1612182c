// What a decision is: changes to commit in one transaction, whom to tell, and the answer to give.
import type { Nudge } from '../protocol/agent-messages.ts'
import type { ItemKind, Items } from './model.ts'

/**
 * When a change may happen; each has a sentence in store/conditions.ts.
 * - `unchanged`: the stored item is the one that was loaded (its `version`; 0: there is none).
 * - `anything`: whatever is there (mail that is overwritten by newer mail).
 * - `absent`: nothing is there.
 * - `epoch`: a gate, still at this epoch and not removed.
 * - `raises`: a gate, below the epoch it is given.
 * - `tag`: mail, exactly the version that was said.
 * - `held`: a lease, still this holder's.
 * - `fence`: the allocation lease, still this fence.
 */
export type Condition =
  | { readonly name: 'unchanged' }
  | { readonly name: 'anything' }
  | { readonly name: 'absent' }
  | { readonly name: 'epoch'; readonly epoch: number }
  | { readonly name: 'raises'; readonly epoch: number }
  | { readonly name: 'tag'; readonly tag: string }
  | { readonly name: 'held'; readonly holder: string; readonly epoch: number }
  | { readonly name: 'fence'; readonly fence: number }

/** What identifies an item: the fields its key is made of. */
export interface Refs {
  readonly ledger: { readonly agentId: string }
  readonly run: { readonly agentId: string; readonly frameworkId: string; readonly taskId: string }
  readonly executor: { readonly agentId: string; readonly frameworkId: string; readonly executorId: string }
  readonly hold: { readonly agentId: string; readonly acceptId: string }
  readonly accepting: { readonly frameworkId: string; readonly acceptId: string }
  readonly agent: { readonly shard: number; readonly agentId: string }
  readonly instance: { readonly instanceId: string; readonly agentId: string }
  readonly beats: { readonly shard: number }
  readonly framework: { readonly frameworkId: string }
  readonly gate: { readonly frameworkId: string; readonly index: number }
  readonly lease: { readonly frameworkId: string }
  readonly called: { readonly frameworkId: string }
  readonly task: { readonly frameworkId: string; readonly shard: number; readonly taskId: string }
  readonly mail: { readonly frameworkId: string; readonly shard: number; readonly key: string }
  readonly lossHead: Record<never, never>
  readonly loss: { readonly number: number }
  readonly cluster: Record<never, never>
  readonly tick: Record<never, never>
  readonly allocation: Record<never, never>
  readonly allowance: { readonly principal: string }
}

/** One step of a transaction. A put writes the whole item with `version + 1`; no item comes twice. */
export type Change = {
  [K in ItemKind]:
    | { readonly do: 'put'; readonly kind: K; readonly item: Items[K]; readonly when: Condition }
    | {
        readonly do: 'remove'
        readonly kind: K
        readonly item: Refs[K] & { readonly version?: number }
        readonly when: Condition
      }
    | {
        readonly do: 'check'
        readonly kind: K
        readonly item: Refs[K] & { readonly version?: number }
        readonly when: Condition
      }
}[ItemKind]

/** Whom to nudge after the commit. A nudge that gets lost is found by the next look. */
export type Tell =
  | { readonly tell: 'framework'; readonly frameworkId: string }
  | { readonly tell: 'agent'; readonly agentId: string; readonly nudge: Nudge }
  | { readonly tell: 'allocator' }

/** A decision of any kind: nothing is written when `changes` is empty. */
export interface Decision<Answer> {
  readonly changes: readonly Change[]
  readonly tell: readonly Tell[]
  readonly answer: Answer
}

/** Answer with no effect. */
export function nothing<Answer>(answer: Answer): Decision<Answer> {
  return { changes: [], tell: [], answer }
}
