// Letters to frameworks: each is one item of a transaction, under a key that newer mail of the kind overwrites.
//
//   UPDATE#<task>   head of custody, said until acknowledged        WORD#<task>   newest word without uuid
//   OFFER#<offer>   an offer, or its withdrawal                     NOTICE#<id>   said once
import { idError } from '../protocol/ids.ts'
import type { Offer, SchedulerEvent, TaskStatus } from '../protocol/messages.ts'
import type { Context } from './context.ts'
import type { Change } from './decision.ts'
import { shardOf } from './frameworks/shards.ts'
import type { CustodyUpdate, Framework, MailBody } from './model.ts'

type MailContext = Pick<Context, 'now' | 'newId'>

/** A word about a task: an update without uuid, said once (at most a day old), replaced by the next word. */
export function wordMail(framework: Framework, status: TaskStatus, context: MailContext): Change {
  const taskId = status.task_id.value
  // An id that is no id (C84) can be of any length, or no Unicode, and must not become a key.
  const isSound = idError(taskId) === undefined && taskId.isWellFormed()
  const key = isSound ? `WORD#${taskId}` : `NOTICE#${context.newId()}`
  return put({ framework, key, spreadBy: isSound ? taskId : key, body: { kind: 'word', status } }, context)
}

/** The head of a task's custody: said again until it is acknowledged. */
export function updateMail(
  framework: Framework,
  taskId: string,
  head: Pick<CustodyUpdate, 'number' | 'status'>,
  context: MailContext,
): Change {
  const body: MailBody = { kind: 'update', status: head.status, number: head.number }
  return put({ framework, key: `UPDATE#${taskId}`, spreadBy: taskId, body }, context)
}

/** Takes the head of a task's custody out of the mailbox; the task's own version guards it. */
export function removeUpdateMail(framework: Framework, taskId: string): Change {
  return {
    do: 'remove',
    kind: 'mail',
    item: { frameworkId: framework.frameworkId, shard: shardOf(framework, taskId), key: `UPDATE#${taskId}` },
    when: { name: 'anything' },
  }
}

/** An event that is said once; with `epoch` only in this session. */
export function noticeMail(
  framework: Framework,
  event: SchedulerEvent,
  context: MailContext,
  session: 'any session' | 'this session' = 'this session',
): Change {
  const key = `NOTICE#${context.newId()}`
  const epoch = session === 'this session' ? framework.epoch : undefined
  return put({ framework, key, spreadBy: key, body: { kind: 'notice', event, epoch } }, context)
}

/** Asks the reader to say every task: one at a time, a newer wish starts anew and so covers the older. */
export function reconcileAllMail(framework: Framework, context: MailContext): Change {
  const key = 'NOTICE#reconcile-all'
  return put(
    { framework, key, spreadBy: key, body: { kind: 'reconcile-all', epoch: framework.epoch } },
    context,
  )
}

/** An offer, void in later sessions. */
export function offerMail(framework: Framework, offer: Offer, context: MailContext): Change {
  const body: MailBody = { kind: 'offer', offer, epoch: framework.epoch }
  return put({ framework, key: `OFFER#${offer.id.value}`, spreadBy: offer.id.value, body }, context)
}

/** The withdrawal of an offer: overwrites the offer, so that what was not said yet is never said. */
export function withdrawnMail(framework: Framework, offerId: string, context: MailContext): Change {
  const body: MailBody = { kind: 'withdrawn', offerId, epoch: framework.epoch }
  return put({ framework, key: `OFFER#${offerId}`, spreadBy: offerId, body }, context)
}

function put(
  {
    framework,
    key,
    spreadBy,
    body,
  }: {
    readonly framework: Framework
    readonly key: string
    readonly spreadBy: string
    readonly body: MailBody
  },
  context: MailContext,
): Change {
  return {
    do: 'put',
    kind: 'mail',
    item: {
      version: 0,
      frameworkId: framework.frameworkId,
      shard: shardOf(framework, spreadBy),
      key,
      tag: context.newId(),
      body,
      at: context.now,
      ...(framework.delivery === undefined ? {} : { isDelivered: true }),
    },
    when: { name: 'anything' },
  }
}
