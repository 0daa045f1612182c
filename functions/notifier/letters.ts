// What a look at the mailbox says, as letters: each with its id, and the mail that it tells of.
import { createHash } from 'node:crypto'
import type { Framework, Loss, Mail } from '../../master/model.ts'
import { encodeMessage } from '../../protocol/codec.ts'
import type { SchedulerEvent, TaskStatus } from '../../protocol/messages.ts'
import type { Letter } from '../ports/outlets.ts'
import { presentOffer } from '../scheduler/present.ts'
import type { ReaderState, Say } from '../scheduler/reader-state.ts'

/** A letter with what is to be noted once it was taken. */
export interface Addressed extends Letter {
  readonly mail?: Mail | undefined
  /** Number of the loss it tells of. */
  readonly loss?: number | undefined
}

/** What the marks on the items say was told; a withdrawal is always told, be its offer known or not (R19). */
export function stateOf(epoch: number, mails: readonly Mail[]): ReaderState {
  const said = new Map<string, { readonly tag: string; readonly at: number }>()
  const offers = new Set<string>()
  for (const { key, tag, told, body } of mails) {
    if (told?.epoch === epoch) said.set(key, { tag, at: told.at })
    if (body.kind === 'withdrawn' && body.epoch === epoch) offers.add(body.offerId)
  }
  return { epoch, said, offers }
}

/** Letters in the order in which they are said; an offer is an event of its own, so that its id stays the same. */
export function lettersOf(
  says: readonly Say[],
  seen: { readonly framework: Framework; readonly mails: readonly Mail[]; readonly losses: readonly Loss[] },
): readonly Addressed[] {
  const { framework, mails, losses } = seen
  const mailOf = new Map<unknown, Mail>(mails.map((mail) => [subjectOf(mail), mail]))
  const lossOf = new Map(losses.map((loss) => [loss.agentId, loss.number]))
  return says.flatMap((say): Addressed[] => {
    if (say.say === 'page') return []
    if (say.say === 'offers') {
      return say.offers.map((offer) => {
        const event: SchedulerEvent = {
          type: 'OFFERS',
          offers: { offers: [presentOffer(offer, framework.info)] },
        }
        return letter(framework, event, mailOf.get(offer.id.value))
      })
    }
    const { event } = say
    const about = event.update?.status ?? event.rescind?.offer_id.value ?? event
    const mail = mailOf.get(about)
    const loss = mail === undefined ? lossOf.get(event.failure?.agent_id?.value ?? '') : undefined
    return [letter(framework, event, mail, loss)]
  })
}

/** A page of an implicit reconciliation. */
export function pageLetters(
  framework: Framework,
  mail: Mail,
  statuses: readonly TaskStatus[],
): readonly Letter[] {
  return statuses.map((status) => {
    const { id, ...rest } = letter(framework, { type: 'UPDATE', update: { status } }, undefined)
    return { ...rest, id: idOf(framework, [id, mail.tag, status.task_id.value]) }
  })
}

/** By what an event is found again: plans pass statuses and events on as they are. */
function subjectOf({ body }: Mail): unknown {
  if (body.kind === 'update' || body.kind === 'word') return body.status
  if (body.kind === 'offer') return body.offer.id.value
  if (body.kind === 'withdrawn') return body.offerId
  return body.kind === 'notice' ? body.event : body
}

function letter(
  framework: Framework,
  event: SchedulerEvent,
  mail: Mail | undefined,
  loss?: number | undefined,
): Addressed {
  const times = mail?.told?.epoch === framework.epoch ? mail.told.times : 0
  const of = mail === undefined ? ['loss', String(loss)] : [mail.key, mail.tag, String(times)]
  return {
    id: idOf(framework, of),
    subject: event.update?.status.task_id.value ?? mail?.key ?? '',
    event: text(event),
    mail,
    loss,
  }
}

/** Up to 128 letters and digits, as SQS wants it; of the session, which is told everything anew (R19). */
function idOf({ frameworkId, epoch }: Framework, parts: readonly string[]): string {
  return createHash('sha256')
    .update(JSON.stringify([frameworkId, epoch, ...parts]))
    .digest('hex')
    .slice(0, 40)
}

/** JSON that every queue takes: these two are no characters of XML. */
function text(event: SchedulerEvent): string {
  const json = Buffer.from(encodeMessage('mesos.v1.scheduler.Event', 'application/json', event)).toString()
  return json.replace(/[\uFFFE\uFFFF]/g, (char) => `\\u${char.charCodeAt(0).toString(16)}`)
}
