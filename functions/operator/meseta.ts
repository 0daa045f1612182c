// `POST /api/v1/meseta`: what Mesos does not have, as JSON with a type and a body named after it (R17).
import { GUARDED_CALLS } from '../../master/authorization/acls.ts'
import { type KillLoaded, kill } from '../../master/calls/kill.ts'
import { nothing } from '../../master/decision.ts'
import { decodeJsonValue } from '../../protocol/codec.ts'
import { idError } from '../../protocol/ids.ts'
import { type Asker, forbidden, may, noteRefusal } from '../authorize.ts'
import { contextOf } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { type Handler, type HttpAnswer, json, text } from '../http/types.ts'
import { nameOf } from '../ports/consume.ts'
import type { DeadLetter, DeadLetters } from '../ports/dead-letters.ts'
import { restore } from '../restore/restore.ts'
import { loadKill } from '../scheduler/loads.ts'
import { transact } from '../transact.ts'
import { mayEnd } from './actions.ts'
import { listDeliveries } from './deliveries.ts'
import { pollEvents } from './events/poll.ts'

interface Extras {
  readonly env: Environment
  readonly deadLetters: DeadLetters
}

type Body = Readonly<Record<string, unknown>>
type Call = (extras: Extras, body: Body, asker: Asker) => Promise<HttpAnswer> | HttpAnswer

/** More would not leave room for exact integers, see protocol/numbering.ts. */
const MAX_TIMELINE = 900_000
/** Letters listed, or sent again, by one call. */
const MAX_LETTERS = 100

const calls: ReadonlyMap<string, Call> = new Map<string, Call>([
  ['LIST_DEAD_LETTERS', listLetters],
  ['SHOW_DEAD_LETTER', showLetter],
  ['REDRIVE_DEAD_LETTERS', redriveLetters],
  ['KILL_TASK', killTask],
  ['RESTORED', restored],
  ['LIST_DELIVERIES', ({ env }, _, asker) => listDeliveries(env, asker)],
  ['EVENTS', ({ env }, body, asker) => pollEvents(env, body, asker)],
])

/** Of the others a framework's own rights decide, or what of it is seen. */
const GUARDED: ReadonlySet<string> = new Set(GUARDED_CALLS)

export function mesetaHandler(extras: Extras): Handler {
  return async (request) => {
    if (request.headers['content-type']?.split(';')[0]?.trim() !== 'application/json') {
      return text(415, "'Content-Type' must be application/json")
    }
    const call = parsed(request.body)
    if (call === undefined) return text(400, 'The body must be a JSON object')
    const { type } = call
    if (typeof type !== 'string') return text(400, "The field 'type' must be there and name a call")
    const answer = calls.get(type)
    if (answer === undefined)
      return text(501, `There is no such call here; there are ${[...calls.keys()].join(', ')}`)
    const body = call[type.toLowerCase()] ?? {}
    if (!isObject(body)) return text(400, `The field '${type.toLowerCase()}' must be an object`)
    const asker: Asker = { principal: request.principal }
    if (GUARDED.has(type) && !may(extras.env, asker, 'call_meseta', type)) return forbidden()
    return await answer(extras, body, asker)
  }
}

async function listLetters({ deadLetters }: Extras): Promise<HttpAnswer> {
  const letters = await deadLetters.list(MAX_LETTERS)
  return json(200, { type: 'LIST_DEAD_LETTERS', dead_letters: letters.map(letterOf) })
}

async function showLetter({ deadLetters }: Extras, { id }: Body): Promise<HttpAnswer> {
  const letter = typeof id === 'string' ? await deadLetters.show(id) : undefined
  if (letter === undefined) return text(404, 'There is no dead letter with this id')
  return json(200, { type: 'SHOW_DEAD_LETTER', dead_letter: { ...letterOf(letter), body: letter.body } })
}

/** Without an id all that are listed. */
async function redriveLetters({ deadLetters }: Extras, { id }: Body): Promise<HttpAnswer> {
  const ids = typeof id === 'string' ? [id] : (await deadLetters.list(MAX_LETTERS)).map((letter) => letter.id)
  let redriven = 0
  for (const each of ids) if (await deadLetters.redrive(each)) redriven++
  if (redriven === 0 && id !== undefined) return text(404, 'There is no dead letter with this id')
  return json(200, { type: 'REDRIVE_DEAD_LETTERS', redriven })
}

function letterOf({ id, queue, sentAt, parkedAt, receiveCount }: DeadLetter): Body {
  return {
    id,
    queue: nameOf(queue),
    sent_at: new Date(sentAt).toISOString(),
    parked_at: new Date(parkedAt).toISOString(),
    receives: receiveCount,
  }
}

/** The table was restored: makes it right, or goes on with it; `CLOSED` means that the ticks do the rest. */
async function restored({ env }: Extras, { timeline }: Body): Promise<HttpAnswer> {
  const isTimeline = typeof timeline === 'number' && Number.isInteger(timeline)
  if (timeline !== undefined && !(isTimeline && timeline >= 1 && timeline <= MAX_TIMELINE)) {
    return text(400, `The field 'timeline' must be a whole number from 1 to ${MAX_TIMELINE}`)
  }
  const done = await restore(env, { timeline: isTimeline ? timeline : undefined })
  return json(200, { type: 'RESTORED', timeline: done.timeline, doors: done.doors.toUpperCase() })
}

/** An operator's KILL: what the framework's own would do. 404 for a task that is not there (any more). */
async function killTask({ env }: Extras, body: Body, asker: Asker): Promise<HttpAnswer> {
  const frameworkId = decodeJsonValue('mesos.v1.FrameworkID', body.framework_id ?? {})
  const call = decodeJsonValue('mesos.v1.scheduler.Call.Kill', body)
  if (!frameworkId.ok || idError(frameworkId.message.value) !== undefined) {
    return text(400, "The field 'framework_id' must be an id")
  }
  if (!call.ok) return text(400, call.error)
  const context = await contextOf(env)
  const answer = await transact(env, {
    name: 'operator kill',
    load: () => loadKill(env, frameworkId.message.value, call.message),
    decide: (loaded) => {
      if (!mayEnd(context, asker, loaded?.framework)) return nothing({ status: 403 } as const)
      return isThere(loaded) ? kill(loaded, call.message, context) : nothing({ status: 404 } as const)
    },
  })
  if (answer.status === 403) {
    noteRefusal(env, asker, 'teardown_frameworks', frameworkId.message.value)
    return forbidden()
  }
  if (answer.status === 404) return text(404, 'There is no task with this id that has not ended')
  return json(200, { type: 'KILL_TASK' })
}

function isThere(loaded: KillLoaded | undefined): loaded is KillLoaded {
  const { framework, task } = loaded ?? {}
  return (
    framework !== undefined &&
    framework.state !== 'removed' &&
    task !== undefined &&
    task.standing !== 'finished'
  )
}

function parsed(bytes: Uint8Array): Body | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString())
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
