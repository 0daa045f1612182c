// What a turn is asked to look at: everything, the agents a nudge names, or one part of them all.
//
// A message of the queue `allocate` says it; anything else asks for everything, so an older or a strange one costs reads
// and loses nothing.
import type { Change } from '../../master/decision.ts'
import type { QueueMessage } from '../ports/queues.ts'

export interface Scope {
  readonly isWhole: boolean
  /** Agents whose ledger has just changed. */
  readonly agents: ReadonlySet<string>
  readonly parts: readonly Part[]
}

/** The agents at one place of so many: each look takes the next part, so a round of looks has seen them all. */
export interface Part {
  readonly place: number
  readonly places: number
}

export const WHOLE: Scope = { isWhole: true, agents: new Set(), parts: [] }
const NOTHING: Scope = { isWhole: false, agents: new Set(), parts: [] }

/** More than that is as good as all: a message is to stay short, and a strange one may not make us read for ever. */
const MOST_NAMES = 100
const MOST_PLACES = 60
const MAX_BYTES = 32 * 1024

/** What a nudge says after these changes: the agents, if nothing else than their ledgers matters to the allocator. */
export function nudgeAfter(changes: readonly Change[]): string {
  const agents = changes.flatMap((change) =>
    change.kind === 'ledger' && change.do === 'put' ? [change.item.agentId] : [],
  )
  const isOfAll = changes.some((change) => change.do !== 'check' && OF_ALL.has(change.kind))
  return agents.length === 0 || isOfAll ? '{}' : JSON.stringify({ agents })
}

/** What of these changes may have to do with any agent. */
const OF_ALL: ReadonlySet<Change['kind']> = new Set(['framework', 'gate', 'cluster'])

/** What a look says: the `number`-th of those that together see everything each `places` looks. */
export function lookOf(number: number, places: number): string {
  return places <= 1 ? '{}' : JSON.stringify({ part: { place: number % places, places } })
}

/** All that is asked for by these; everything if there are none. */
export function scopeOf(batch: readonly Pick<QueueMessage, 'body'>[]): Scope {
  return batch.length === 0 ? WHOLE : together(batch.map(({ body }) => read(body)))
}

export function together(scopes: readonly Scope[]): Scope {
  const scope: Scope = {
    isWhole: scopes.some(({ isWhole }) => isWhole),
    agents: new Set(scopes.flatMap(({ agents }) => [...agents])),
    parts: scopes.flatMap(({ parts }) => parts),
  }
  return scope.agents.size > MOST_NAMES || scope.parts.length > MOST_PLACES ? WHOLE : scope
}

function read(body: string): Scope {
  const { agents, part } = parsed(body)
  if (isNames(agents)) return { ...NOTHING, agents: new Set(agents) }
  return isPart(part) ? { ...NOTHING, parts: [part] } : WHOLE
}

function isNames(value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MOST_NAMES) return false
  return value.every((name) => typeof name === 'string' && name !== '' && name.length <= 255)
}

function isPart(value: unknown): value is Part {
  if (typeof value !== 'object' || value === null) return false
  // A plain object of JSON; both fields are checked.
  const { place, places } = value as { readonly place?: unknown; readonly places?: unknown }
  return isCount(place) && isCount(places) && places <= MOST_PLACES && place < places
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function parsed(body: string): { readonly agents?: unknown; readonly part?: unknown } {
  if (body.length > MAX_BYTES) return {}
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}
