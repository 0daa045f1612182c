// Refusals: what a framework does not want is kept from it for a while (C64–C66, S13).

import type { Filters } from '../protocol/messages.ts'
import { contains, isEmpty, unallocate } from '../protocol/resources.ts'
import { ALLOCATION_INTERVAL_MS, DEFAULT_REFUSE_SECONDS, MAX_REFUSALS, MAX_REFUSE_SECONDS } from './limits.ts'
import type { Framework, Ledger, Refusal, Resources } from './model.ts'

/**
 * How long a refusal counts, ms; 0 for none. Absent, negative or not representable is 5 s; never less than one
 * allocation interval, never more than 365 days (C66).
 */
export function refuseMs(filters: Filters | undefined): number {
  const asked = filters?.refuse_seconds ?? DEFAULT_REFUSE_SECONDS
  // 64-bit nanoseconds end at about 292 years; written so that a value that is no number is caught too.
  const isDuration = asked >= 0 && asked * 1e9 < 2 ** 63
  const seconds = Math.min(isDuration ? asked : DEFAULT_REFUSE_SECONDS, MAX_REFUSE_SECONDS)
  return seconds === 0 ? 0 : Math.max(seconds * 1000, ALLOCATION_INTERVAL_MS)
}

/**
 * The ledger with one more refusal; the same ledger if there is nothing to refuse. It carries the filter epoch that
 * was read, so that a REVIVE under way makes it void. Those that ended or that the new one covers give way, then, if
 * there are still too many, the one that ends first.
 */
export function refuse(
  ledger: Ledger,
  {
    framework,
    role,
    resources,
  }: { readonly framework: Framework; readonly role: string; readonly resources: Resources },
  { ms, now }: { readonly ms: number; readonly now: number },
): Ledger {
  const refused = unallocate(resources)
  if (ms === 0 || isEmpty(refused)) return ledger
  const refusal: Refusal = {
    frameworkId: framework.frameworkId,
    role,
    resources: refused,
    until: now + ms,
    filterEpoch: framework.filterEpochs[role] ?? 0,
  }
  const others = ledger.refusals.filter((other) => other.until > now && !covers(refusal, other))
  const kept = [...others, refusal].sort((left, right) => left.until - right.until)
  return { ...ledger, refusals: kept.slice(-MAX_REFUSALS) }
}

function covers(refusal: Refusal, other: Refusal): boolean {
  if (other.frameworkId !== refusal.frameworkId || other.role !== refusal.role) return false
  if (other.filterEpoch < refusal.filterEpoch) return true
  return other.until <= refusal.until && contains(refusal.resources, other.resources)
}
