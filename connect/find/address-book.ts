// Addresses that were found, kept for some hours in the user's cache folder, so that not every command asks AWS.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Clock, systemClock } from '../../protocol/clock.ts'
import type { Place } from './place.ts'

export interface Key {
  readonly place: Place
  readonly stack: string
  readonly environment: NodeJS.ProcessEnv
}

interface Entry {
  readonly url: string
  readonly at: number
}
type Book = Readonly<Record<string, Entry>>

const FRESH_MS = 4 * 60 * 60_000

/** Undefined when it is not known or too old. */
export function recall(key: Key, clock: Clock): string | undefined {
  const entry = read(key.environment)[idOf(key)]
  return entry !== undefined && isFresh(entry, clock) ? entry.url : undefined
}

/** Where the cache cannot be written nothing is kept. */
export function remember(key: Key, url: string, clock: Clock): void {
  const fresh = Object.entries(read(key.environment)).filter(([, entry]) => isFresh(entry, clock))
  write({ ...Object.fromEntries(fresh), [idOf(key)]: { url, at: clock.now() } }, key.environment)
}

/** An address that leads nowhere any more. True when it was one of these. */
export function forget(url: string, environment: NodeJS.ProcessEnv = process.env): boolean {
  const all = Object.entries(read(environment))
  const others = all.filter(([, entry]) => entry.url !== url)
  if (others.length === all.length) return false
  write(Object.fromEntries(others), environment)
  return true
}

/** One name may be another cluster in another account: whose credentials count is part of it. */
function idOf({ place: { region, profile, endpoint }, stack, environment }: Key): string {
  const parts = [stack, region, profile, endpoint, environment.AWS_ACCESS_KEY_ID]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32)
}

function isFresh({ at }: Entry, clock: Clock): boolean {
  const ageMs = clock.now() - at
  return ageMs >= 0 && ageMs < FRESH_MS
}

function pathOf(environment: NodeJS.ProcessEnv): string {
  const cache = environment.XDG_CACHE_HOME || join(environment.HOME ?? homedir(), '.cache')
  return join(cache, 'meseta', 'addresses.json')
}

function read(environment: NodeJS.ProcessEnv): Book {
  try {
    // Written by us; whatever else is there is read as nothing.
    const book = JSON.parse(readFileSync(pathOf(environment), 'utf8')) as Book
    return Object.fromEntries(Object.entries(book).filter(([, entry]) => URL.canParse(entry?.url)))
  } catch {
    return {}
  }
}

/** As a whole, for commands run beside each other. */
function write(book: Book, environment: NodeJS.ProcessEnv): void {
  const path = pathOf(environment)
  const draft = `${path}.${process.pid}.${systemClock.now()}`
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    writeFileSync(draft, JSON.stringify(book), { mode: 0o600 })
    renameSync(draft, path)
  } catch {
    // A cache: the next command asks again.
  }
}
