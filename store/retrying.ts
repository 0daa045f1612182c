// Which errors of DynamoDB pass by themselves, and the loop that waits for it: with jitter, within a budget.
import { type Clock, sleep } from '../protocol/clock.ts'
import { StoreUnavailable as Unavailable } from './store.ts'

/** A reader of few words; the one of functions/environment.ts fits. */
export interface StoreLog {
  warn(event: string, fields?: Readonly<Record<string, unknown>>): void
}

export interface Patience {
  readonly tries: number
  readonly budgetMs: number
  /** Waits between tries; real time also where tests move the clock of the cluster. */
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly log?: StoreLog | undefined
}

/** The port's error, with what was tried: the table did not answer, or was busy, for longer than the budget. */
export class StoreUnavailable extends Unavailable {
  readonly operation: string
  readonly tries: number
  /** Whether a try whose answer was lost may have written, or may still write. */
  readonly mayHaveTakenEffect: boolean

  constructor(operation: string, tries: number, mayHaveTakenEffect: boolean, cause: unknown) {
    super(`${operation}: the table did not answer within ${tries} tries (${nameOfError(cause)})`, { cause })
    this.operation = operation
    this.tries = tries
    this.mayHaveTakenEffect = mayHaveTakenEffect
  }
}

/**
 * How an error is met. `fatal`: thrown as it is. `busy`: surely nothing was written, try again. `contended`: the same,
 * another transaction is at the same item, which takes milliseconds. `unsure`: the try may have written (H1).
 */
export type Outlook = 'fatal' | 'busy' | 'contended' | 'unsure'

/** Repeats `attempt` while its errors pass by themselves. `unsure`: an earlier try may have taken effect. */
export async function persistently<T>(
  operation: string,
  patience: Patience,
  attempt: (unsure: boolean) => Promise<T>,
): Promise<T> {
  const { tries, budgetMs, clock, log } = patience
  const started = clock.now()
  let unsure = false
  for (let tried = 1; ; tried++) {
    try {
      const result = await attempt(unsure)
      if (tried > 1) log?.warn('store retried', { operation, tries: tried })
      return result
    } catch (error) {
      const outlook = outlookOf(error)
      if (outlook === 'fatal') throw unsure ? stillUnsure(operation, tried, error) : error
      unsure ||= outlook === 'unsure'
      const wait = patience.random() * Math.min(1_000, (outlook === 'contended' ? 5 : 25) * 2 ** tried)
      if (tried >= tries || clock.now() - started + wait > budgetMs)
        throw new StoreUnavailable(operation, tried, unsure, error)
      await sleep(clock, wait)
    }
  }
}

/** Reading the evidence of an earlier try failed as well. */
function stillUnsure(operation: string, tries: number, error: unknown): unknown {
  return error instanceof StoreUnavailable ? new StoreUnavailable(operation, tries, true, error) : error
}

/** Nothing of a batch was processed; thrown inside the loop so that it is met like throttling (H5). */
export class NothingProcessed extends Error {
  override readonly name = 'ThrottlingException'
}

const BUSY = new Set([
  'ThrottlingException',
  'ThrottlingError',
  'ProvisionedThroughputExceededException',
  'ProvisionedThroughputExceeded',
  'RequestLimitExceeded',
])

/** A transaction in progress under our own token is an earlier try of ours. */
const UNSURE = new Set([
  'TransactionInProgressException',
  'InternalServerError',
  'InternalServerErrorException',
  'ServiceUnavailable',
  'ServiceUnavailableException',
  'TimeoutError',
  'RequestTimeout',
  'RequestTimeoutException',
  'AbortError',
])

const NETWORK = new Set([
  'ECONNRESET',
  'ECONNABORTED',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
  'ERR_STREAM_PREMATURE_CLOSE',
])

export function outlookOf(error: unknown): Outlook {
  if (!(error instanceof Error)) return 'fatal'
  if (BUSY.has(error.name)) return 'busy'
  if (error.name === 'TransactionConflictException') return 'contended'
  if (error.name === 'TransactionCanceledException') return outlookOfReasons(reasonCodes(error))
  // A text that is no JSON is an answer cut off.
  if (error instanceof SyntaxError) return 'unsure'
  if (UNSURE.has(error.name) || NETWORK.has(codeOf(error))) return 'unsure'
  return statusOf(error) >= 500 ? 'unsure' : 'fatal'
}

/** Codes of a cancelled transaction, `None` where a step was not to blame (H3). */
export function reasonCodes(error: Error): readonly string[] {
  const reasons = 'CancellationReasons' in error ? error.CancellationReasons : undefined
  if (!Array.isArray(reasons)) return []
  return reasons.map((reason: { readonly Code?: string }) => reason?.Code ?? 'None')
}

const CONTENDED_REASONS = new Set(['TransactionConflict'])
const BUSY_REASONS = new Set(['ThrottlingError', 'ProvisionedThroughputExceeded', 'RequestLimitExceeded'])

/** Reasons that are neither (a validation error, a collection too large, none at all) do not pass. */
function outlookOfReasons(codes: readonly string[]): Outlook {
  const told = codes.filter((code) => code !== 'None')
  const passes = told.every((code) => CONTENDED_REASONS.has(code) || BUSY_REASONS.has(code))
  if (told.length === 0 || !passes) return 'fatal'
  return told.some((code) => BUSY_REASONS.has(code)) ? 'busy' : 'contended'
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : ''
}

function statusOf(error: Error): number {
  const metadata = '$metadata' in error ? error.$metadata : undefined
  const status =
    typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata
      ? metadata.httpStatusCode
      : 0
  return typeof status === 'number' ? status : 0
}

function nameOfError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = codeOf(error)
  return code === '' ? `${error.name}: ${error.message}` : `${error.name} ${code}: ${error.message}`
}
