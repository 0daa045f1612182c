// What the framework does with events: acknowledge, and launch as many tasks as are missing.
//
// It keeps no state: how many tasks there are, the cluster knows best. Deliveries come one after the other, and all that
// is done here may be done twice.
import { call, get, type Session } from './calls.ts'
import type { Settings } from './settings.ts'

/** The body of a webhook, or of a message of the queue. */
export interface Delivery {
  readonly framework_id: { readonly value: string }
  readonly stream_id: string
  readonly number: number
  readonly events: readonly { readonly id: string; readonly event: Event }[]
}

interface Event {
  readonly type: string
  readonly offers?: { readonly offers: readonly Offer[] }
  readonly update?: { readonly status: Status }
}

interface Offer {
  readonly id: { readonly value: string }
  readonly agent_id: { readonly value: string }
  readonly resources?: readonly { readonly name: string; readonly scalar?: { readonly value: number } }[]
}

interface Status {
  readonly task_id: { readonly value: string }
  readonly agent_id?: { readonly value: string }
  readonly state: string
  readonly uuid?: string
  readonly message?: string
}

const RUNNING: ReadonlySet<string> = new Set(['TASK_STAGING', 'TASK_STARTING', 'TASK_RUNNING'])
/** With nothing to launch, an agent is offered again after so long, or when we ask for it. */
const REFUSED_SECONDS = 3_600

export async function handle(settings: Settings, delivery: Delivery): Promise<void> {
  const session = { frameworkId: delivery.framework_id.value, streamId: delivery.stream_id }
  const offers: Offer[] = []
  let isOneOver = false
  for (const { event } of delivery.events) {
    offers.push(...(event.offers?.offers ?? []))
    const status = event.update?.status
    if (status === undefined) continue
    console.log(status.task_id.value, status.state, status.message ?? '')
    isOneOver ||= !RUNNING.has(status.state)
    // Last of all that is done about it: what is not acknowledged comes again.
    if (status.uuid !== undefined) await acknowledge(settings, session, status)
  }
  if (offers.length > 0) await use(settings, session, offers)
  // Offers that were refused for an hour are wanted now.
  if (isOneOver && (await missing(settings)) > 0) await call(settings, session, { type: 'REVIVE' })
}

function acknowledge(
  settings: Settings,
  session: Session,
  { task_id, agent_id, uuid }: Status,
): Promise<void> {
  return call(settings, session, { type: 'ACKNOWLEDGE', acknowledge: { task_id, agent_id, uuid } })
}

async function missing({ frameworkId, tasks, ...rest }: Settings): Promise<number> {
  const path = `/tasks?framework_id=${encodeURIComponent(frameworkId)}&limit=10000`
  const found = await get<{ tasks: readonly { state: string }[] }>({ frameworkId, tasks, ...rest }, path)
  return tasks - found.tasks.filter(({ state }) => RUNNING.has(state)).length
}

async function use(settings: Settings, session: Session, offers: readonly Offer[]): Promise<void> {
  let left = Math.max(0, await missing(settings))
  const refused: Offer[] = []
  for (const offer of offers) {
    const count = Math.min(left, room(settings, offer))
    left -= count
    if (count === 0) refused.push(offer)
    else await launch(settings, session, offer, count)
  }
  if (refused.length === 0) return
  const filters = { refuse_seconds: left > 0 ? 5 : REFUSED_SECONDS }
  const decline = { offer_ids: refused.map(({ id }) => id), filters }
  await call(settings, session, { type: 'DECLINE', decline })
}

function room({ cpus, mem }: Settings, offer: Offer): number {
  const amount = (name: string) =>
    (offer.resources ?? [])
      .filter((resource) => resource.name === name)
      .reduce((sum, { scalar }) => sum + (scalar?.value ?? 0), 0)
  return Math.floor(Math.min(amount('cpus') / cpus, amount('mem') / mem) + 1e-9)
}

/** Ids follow from the offer: the same call made twice launches once. */
function launch(settings: Settings, session: Session, offer: Offer, count: number): Promise<void> {
  const scalar = (name: string, value: number) => ({ name, type: 'SCALAR', scalar: { value } })
  const task_infos = Array.from({ length: count }, (_, index) => ({
    name: settings.frameworkId,
    task_id: { value: `${settings.frameworkId}.${offer.id.value.slice(-22)}.${index}` },
    agent_id: offer.agent_id,
    command: { value: settings.command },
    resources: [scalar('cpus', settings.cpus), scalar('mem', settings.mem)],
  }))
  const operations = [{ type: 'LAUNCH', launch: { task_infos } }]
  const filters = { refuse_seconds: REFUSED_SECONDS }
  return call(settings, session, { type: 'ACCEPT', accept: { offer_ids: [offer.id], operations, filters } })
}
