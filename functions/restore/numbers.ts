// What of a restored table belongs to nobody: the list of losses, the allocator's lease, the beats.
import { type Decision, nothing } from '../../master/decision.ts'
import type { Allocation, Beats, LossHead } from '../../master/model.ts'
import { nextNumber, timelineOf } from '../../protocol/numbering.ts'
import { cursorAfter } from '../../store/items.ts'
import { contextOf } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { transact } from '../transact.ts'

/** The end of LOSSES first: where frameworks are in it is judged by it. */
export async function restoreNumbers(env: Environment): Promise<void> {
  await restoreLosses(env)
  await restoreAllocation(env)
  for (let shard = 0; shard < env.settings.beatShards; shard++) await restoreBeats(env, shard)
}

/** A loss behind the head would be in the way of the next one for ever (restore-tears-a-transaction). */
async function restoreLosses(env: Environment): Promise<void> {
  await transact(env, {
    name: 'losses of a restored table',
    load: async () => {
      const head = await env.store.get('lossHead', {})
      const after = cursorAfter('loss', { number: head?.last ?? 0 })
      const { found } = await env.store.query('losses', {}, { after })
      return { head, last: found.at(-1)?.item.number ?? 0 }
    },
    decide: ({ head, last }): Decision<void> => {
      if (last <= (head?.last ?? 0)) return nothing(undefined)
      const item: LossHead = { ...head, version: head?.version ?? 0, last }
      return {
        changes: [{ do: 'put', kind: 'lossHead', item, when: { name: 'unchanged' } }],
        tell: [],
        answer: undefined,
      }
    },
  })
}

/**
 * Whoever was in the middle of a turn is not any more. It is made if it is of after the backup: its fence would else
 * begin below that of the turns which the table has forgotten.
 */
async function restoreAllocation(env: Environment): Promise<void> {
  const { timeline } = env.cluster
  await transact(env, {
    name: 'lease of a restored table',
    load: () => env.store.get('allocation', {}),
    decide: (read): Decision<void> => {
      const before: Allocation = read ?? { version: 0, fence: 0, expiresAt: 0, wanted: 0 }
      if (timelineOf(before.fence) >= timeline) return nothing(undefined)
      const { holder: _, ...rest } = before
      const item: Allocation = { ...rest, fence: nextNumber(before.fence, timeline), expiresAt: 0 }
      return {
        changes: [{ do: 'put', kind: 'allocation', item, when: { name: 'unchanged' } }],
        tell: [],
        answer: undefined,
      }
    },
  })
}

/** Silence counts from here on: what beat before the restore says nothing of now. */
async function restoreBeats(env: Environment, shard: number): Promise<void> {
  const { now } = await contextOf(env)
  await transact(env, {
    name: 'beats of a restored table',
    load: () => env.store.get('beats', { shard }),
    decide: (before): Decision<void> => {
      if (before === undefined) return nothing(undefined)
      const hearingSince = Math.max(before.hearingSince, before.canary.stamp, now)
      if (before.hearingSince === hearingSince) return nothing(undefined)
      const item: Beats = { ...before, agents: {}, hearingSince }
      return {
        changes: [{ do: 'put', kind: 'beats', item, when: { name: 'unchanged' } }],
        tell: [],
        answer: undefined,
      }
    },
  })
}
