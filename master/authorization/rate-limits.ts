// How many calls a principal may make: limits in the shape of Mesos's `--rate_limits`, and the token bucket they fill.

/** As Mesos writes it; field names are the wire's. */
export interface RateLimits {
  readonly limits?: readonly RateLimit[] | undefined
  /** Calls a second of all together who have no limit of their own; unlimited when absent. */
  readonly aggregate_default_qps?: number | undefined
  readonly aggregate_default_capacity?: number | undefined
}

export interface RateLimit {
  readonly principal: string
  /** Calls a second; unlimited when absent. */
  readonly qps?: number | undefined
  /** Calls at once after a pause; as many as a second brings when absent, and at least one. */
  readonly capacity?: number | undefined
}

/** What fills one bucket. */
export interface Flow {
  /** Empty: that of all who have no limit of their own, and of callers without a principal. */
  readonly principal: string
  readonly qps: number
  /** Whole, at least 1. */
  readonly capacity: number
}

/** A bucket nobody has taken from is none. */
export interface Bucket {
  /** At `at`; below zero while answers are overdrawn. */
  readonly tokens: number
  /** Milliseconds since 1970. */
  readonly at: number
}

/** The bucket that a call of this principal takes from; undefined: it is not limited. */
export function flowOf(limits: RateLimits, principal: string | undefined): Flow | undefined {
  const own = limits.limits?.find((limit) => limit.principal === principal)
  if (own !== undefined) return flow(own.principal, own.qps, own.capacity)
  return flow('', limits.aggregate_default_qps, limits.aggregate_default_capacity)
}

function flow(principal: string, qps: number | undefined, capacity: number | undefined): Flow | undefined {
  if (qps === undefined) return undefined
  return { principal, qps, capacity: capacity ?? Math.max(1, Math.ceil(qps)) }
}

/** Of each chunk that is taken at once by one of several who share a bucket, at most a tenth of a second's tokens. */
export function largestChunk({ qps, capacity }: Flow): number {
  return Math.max(1, Math.min(Math.floor(qps / 10), capacity))
}

export interface Wish {
  /** Whole tokens; fewer are given when there are fewer. */
  readonly atMost: number
  /** An answer to what we said may leave the bucket as far below zero as it is deep. */
  readonly isAnswer: boolean
}

export interface Taken {
  /** 0: nothing, and `waitMs` says when there may be one. */
  readonly tokens: number
  readonly bucket: Bucket
  readonly waitMs: number
}

/** Takes tokens at `now`, ms. A clock that went back brings no tokens, and takes none away. */
export function take(flow: Flow, bucket: Bucket | undefined, now: number, wish: Wish): Taken {
  const { tokens, at } = filled(flow, bucket, now)
  const there = tokens + (wish.isAnswer ? flow.capacity : 0)
  const taken = Math.max(0, Math.min(wish.atMost, Math.floor(there)))
  const waitMs = taken > 0 ? 0 : Math.ceil(((1 - there) / flow.qps) * 1_000)
  return { tokens: taken, bucket: { tokens: tokens - taken, at }, waitMs }
}

function filled({ qps, capacity }: Flow, bucket: Bucket | undefined, now: number): Bucket {
  if (bucket === undefined) return { tokens: capacity, at: now }
  const ms = Math.max(0, now - bucket.at)
  return { tokens: Math.min(capacity, bucket.tokens + (ms / 1_000) * qps), at: bucket.at + ms }
}

/** When a bucket is full again, ms: from then on it is as good as none. */
export function fullAt({ qps, capacity }: Flow, { tokens, at }: Bucket): number {
  return at + Math.ceil(((capacity - tokens) / qps) * 1_000)
}

export type ParsedRateLimits =
  | { readonly ok: true; readonly limits: RateLimits }
  | { readonly ok: false; readonly error: string }

/** Part of the key of an item. */
const MAX_PRINCIPAL_LENGTH = 256

/** Reads the JSON of `--rate_limits`. What is not known is an error: a misspelt limit must not leave a door open. */
export function parseRateLimits(json: string): ParsedRateLimits {
  try {
    return { ok: true, limits: readRateLimits(JSON.parse(json)) }
  } catch (error) {
    return { ok: false, error: `rate limits: ${error instanceof Error ? error.message : String(error)}` }
  }
}

function readRateLimits(value: unknown): RateLimits {
  const where = 'the file'
  const {
    limits = [],
    aggregate_default_qps: qps,
    aggregate_default_capacity: capacity,
    ...others
  } = record(value, where)
  nothingElse(others, where, '"limits", "aggregate_default_qps" and "aggregate_default_capacity"')
  if (!Array.isArray(limits)) throw new Error('"limits" is a list')
  const read = limits.map((entry: unknown, index) => readLimit(entry, `limits[${index}]`))
  const twice = read.find(
    ({ principal }, index) => read.findIndex((one) => one.principal === principal) < index,
  )
  if (twice !== undefined) throw new Error(`"${twice.principal}" has two limits; leave one`)
  return {
    limits: read,
    aggregate_default_qps: rate(qps, '"aggregate_default_qps"'),
    aggregate_default_capacity: depth(capacity, qps, 'aggregate_default_capacity', 'aggregate_default_qps'),
  }
}

function readLimit(entry: unknown, where: string): RateLimit {
  const { principal, qps, capacity, ...others } = record(entry, where)
  nothingElse(others, where, '"principal", "qps" and "capacity"')
  const isText = typeof principal === 'string' && principal !== '' && principal.isWellFormed()
  if (!isText || principal.length > MAX_PRINCIPAL_LENGTH) {
    throw new Error(`${where}.principal is a text of 1 to ${MAX_PRINCIPAL_LENGTH} characters`)
  }
  return {
    principal,
    qps: rate(qps, `${where}.qps`),
    capacity: depth(capacity, qps, `${where}.capacity`, `${where}.qps`),
  }
}

function rate(value: unknown, where: string): number | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isFinite(value) || value < MIN_QPS) {
    throw new Error(`${where} is calls a second, ${MIN_QPS} or more; who may not call at all gets no secret`)
  }
  return value
}

/** One in a quarter of an hour or so; what is less was meant for something else. */
const MIN_QPS = 0.001

function depth(value: unknown, qps: unknown, where: string, qpsWhere: string): number | undefined {
  if (value === undefined) return undefined
  if (qps === undefined) throw new Error(`${where} does nothing without ${qpsWhere}; give both, or none`)
  if (!Number.isSafeInteger(value) || Number(value) < 1) {
    throw new Error(`${where} is how many calls may come at once, a whole number from 1`)
  }
  return Number(value)
}

function nothingElse(others: Record<string, unknown>, where: string, known: string): void {
  const [other] = Object.keys(others)
  if (other !== undefined) throw new Error(`${where} has a field "${other}"; it takes ${known}`)
}

function record(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error(`${where} is an object`)
  }
  return { ...value }
}
