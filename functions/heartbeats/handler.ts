// Writes the beats of a batch: one write per shard, on its version, only forwards; then looks who lags behind.
//
// What a message says never fails a batch: what is malformed is logged and gone. Only the table can fail a group, and
// then all its messages come again, in order.

import { type Decision, nothing } from '../../master/decision.ts'
import {
  type BeatMessage,
  fold,
  type Heard,
  type KnownAgent,
  noBeats,
  without,
} from '../../master/detection/beats.ts'
import { laggards } from '../../master/detection/lag.ts'
import type { Beats, Ledger } from '../../master/model.ts'
import { foreign, instanceOf } from '../agents/identity.ts'
import { contextOf } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import type { QueueMessage } from '../ports/queues.ts'
import { tell } from '../tell.ts'
import { transact } from '../transact.ts'
import { readBeat } from './read-beat.ts'

export interface HeartbeatOptions {
  /**
   * Who may say what: SQS names the sender of each message (R16, A6). On emulators, which name nobody useful,
   * everybody may.
   */
  readonly isTrusted?: (message: QueueMessage, content: BeatMessage) => boolean
  /** Told of each shard how it stands after the batch. */
  readonly onWritten?: (beats: Beats) => void
}

/** Agents that belong nowhere any more are taken out of a shard at every so-many-th canary. */
const PRUNE_EVERY = 600

/** Handles a batch of the queue `heartbeats`; the ids of the messages that are to come again. */
export async function heartbeats(
  env: Environment,
  batch: readonly QueueMessage[],
  options: HeartbeatOptions = {},
): Promise<readonly string[]> {
  const groups = Map.groupBy(batch, (message) => message.group ?? '')
  const failed = await Promise.all(
    [...groups].map(async ([group, messages]) => {
      try {
        await writeGroup(env, group, messages, options)
        return []
      } catch (error) {
        env.log.error('beats not written', { group, messages: messages.length, error: String(error) })
        return messages.map(({ id }) => id)
      }
    }),
  )
  return failed.flat()
}

async function writeGroup(
  env: Environment,
  group: string,
  messages: readonly QueueMessage[],
  options: HeartbeatOptions,
): Promise<void> {
  const shard = Number(group)
  if (!Number.isSafeInteger(shard) || shard < 0) {
    env.log.warn('beats of a group that is no shard', { group, messages: messages.length })
    return
  }
  const all = messages.flatMap((message) => read(env, message, options))
  if (all.length === 0) return
  const { now, cluster } = await contextOf(env)
  const written = await transact(env, {
    name: 'beats',
    load: () => load(env, shard, all),
    decide: ({ beats, ledgers }): Decision<Written> => {
      const heard = believed(env, all, ledgers)
      const facts = { known: ledgers, now, hearingGapMs: env.settings.profile.hearingGapMs }
      const folded = fold(beats, heard, facts)
      const after = without(folded, strangers(folded, beats, ledgers))
      const answer = { before: beats, after, ledgers, heard }
      if (after === beats) return nothing(answer)
      return {
        changes: [{ do: 'put', kind: 'beats', item: after, when: { name: 'unchanged' } }],
        tell: [],
        answer,
      }
    },
  })
  options.onWritten?.(written.after)
  await tell(env, laggards(written.before, written.heard, written.ledgers, cluster.timeline))
}

interface Written {
  readonly before: Beats
  readonly after: Beats
  readonly ledgers: ReadonlyMap<string, Ledger>
  readonly heard: readonly Heard[]
}

interface Said extends Heard {
  /** The instance that sent it, as SQS says; undefined for our own functions, and on emulators. */
  readonly signer: string | undefined
}

/**
 * Without what somebody says for another (A6, A9): beats come from the agent's own instance, canaries and calls passed
 * on from no instance at all. Emulators name nobody useful: there everybody is believed (R16).
 */
function believed(
  env: Environment,
  all: readonly Said[],
  ledgers: ReadonlyMap<string, Ledger>,
): readonly Said[] {
  if (env.settings.agentIdentity === 'claimed') return all
  return all.filter(({ content, signer }) => {
    if (content.kind !== 'beat') return signer === undefined
    const ledger = ledgers.get(content.agentId)
    return signer !== undefined && (ledger === undefined || foreign(ledger, { signer }) === undefined)
  })
}

async function load(env: Environment, shard: number, heard: readonly Heard[]) {
  const beats = (await env.store.get('beats', { shard })) ?? noBeats(shard)
  const ids = new Set(heard.flatMap(({ content }) => (content.kind === 'canary' ? [] : [content.agentId])))
  if (isPruning(beats, heard)) for (const agentId of Object.keys(beats.agents)) ids.add(agentId)
  const found = await env.store.getMany(
    'ledger',
    [...ids].map((agentId) => ({ agentId })),
  )
  const ledgers = new Map(found.flatMap((ledger) => (ledger === undefined ? [] : [[ledger.agentId, ledger]])))
  return { beats, ledgers }
}

function isPruning(beats: Beats, heard: readonly Heard[]): boolean {
  return heard.some(({ content }) => {
    return (
      content.kind === 'canary' && content.number > beats.canary.number && content.number % PRUNE_EVERY === 0
    )
  })
}

/** Agents of a pruned shard whose ledger is gone, or says that they are lost: a return has beats of its own incarnation. */
function strangers(
  folded: Beats,
  before: Beats,
  ledgers: ReadonlyMap<string, Ledger & KnownAgent>,
): ReadonlySet<string> {
  const isPruned = folded.canary.number !== before.canary.number && folded.canary.number % PRUNE_EVERY === 0
  if (!isPruned) return new Set()
  const ids = Object.keys(before.agents).filter((agentId) => {
    const ledger = ledgers.get(agentId)
    const isLost = ledger?.life === 'gone' || ledger?.life === 'unreachable' || ledger?.life === 'removed'
    return ledger === undefined || isLost || ledger.beatShard !== before.shard
  })
  return new Set(ids)
}

function read(env: Environment, message: QueueMessage, options: HeartbeatOptions): Said[] {
  const content = readBeat(message.body)
  if (content === undefined || options.isTrusted?.(message, content) === false) {
    env.log.warn('no beat', {
      group: message.group,
      senderId: message.senderId,
      body: message.body.slice(0, 200),
    })
    return []
  }
  return [{ stamp: message.sentAt, content, signer: instanceOf(message.senderId) }]
}
