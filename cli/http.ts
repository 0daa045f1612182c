// Calls to the public HTTP APIs, with errors that say what to do next.
import { styleText } from 'node:util'
import { sleep, systemClock } from '../protocol/clock.ts'
import { skewWarning, VERSION_HEADER } from '../protocol/skew.ts'
import { MESETA_VERSION } from '../protocol/version.ts'
import { headersFor } from './credentials.ts'
import { CommandError, EXIT } from './exit-codes.ts'

/** Sends one JSON call and gives the parsed answer (undefined for an empty one). */
export async function callJson<Answer>(
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const response = await send(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  const text = await bodyOf(url, response)
  if (!response.ok) throw refusal(url, response.status, text)
  return (text === '' ? undefined : parsed(url, text)) as Answer
}

/** Reads a JSON document. */
export async function getJson<Answer>(url: string): Promise<Answer> {
  const response = await send(url, { headers: { Accept: 'application/json' } })
  const text = await bodyOf(url, response)
  if (!response.ok) throw refusal(url, response.status, text)
  return parsed(url, text) as Answer
}

function parsed(url: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new CommandError(
      `what answers at ${new URL(url).origin} is no Meseta; name the right address with --master URL`,
      EXIT.refused,
    )
  }
}

/** Opens a stream of records; the caller reads `response.body`. */
export async function openStream(url: string, body: unknown, signal: AbortSignal): Promise<Response> {
  const response = await send(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
    body: JSON.stringify(body),
    signal,
  })
  if (!response.ok) throw refusal(url, response.status, await bodyOf(url, response))
  return response
}

/** A cluster that limits our calls says when to come back; longer than this nobody wants to look at a silent command. */
const LONGEST_WAIT_MS = 10_000
const TRIES = 5

/** What was refused with 429 was not done: it is sent again when the answer says so. */
async function send(url: string, init: RequestInit): Promise<Response> {
  for (let tries = 1; ; tries++) {
    const response = await sendOnce(url, init)
    const waitMs = Number(response.headers.get('retry-after') ?? Number.NaN) * 1_000
    if (response.status !== 429 || tries === TRIES || !(waitMs <= LONGEST_WAIT_MS)) return response
    await response.body?.cancel()
    await sleep(systemClock, waitMs, init.signal ?? undefined)
  }
}

async function sendOnce(url: string, init: RequestInit): Promise<Response> {
  const who = headersFor(url)
  try {
    const headers = { ...init.headers, ...who, [VERSION_HEADER]: MESETA_VERSION }
    const response = await fetch(url, { ...init, headers })
    warnOnce(skewWarning(`What answers at ${new URL(url).origin}`, response.headers.get(VERSION_HEADER)))
    return response
  } catch (error) {
    if (init.signal?.aborted) throw error
    const cause = (error as { cause?: { code?: string; message?: string } }).cause
    const why = cause?.code ?? cause?.message ?? (error as Error).message
    throw new CommandError(
      `nobody answers at ${new URL(url).origin} (${why}); start a cluster with \`npm start\`, or name another one with --master URL`,
      EXIT.unreachable,
    )
  }
}

let hasWarned = false

/** A command makes many calls; one warning is clear, many are noise. */
function warnOnce(warning: string | undefined): void {
  if (warning === undefined || hasWarned) return
  hasWarned = true
  process.stderr.write(`${styleText('yellow', 'warning:', { stream: process.stderr })} ${warning}\n`)
}

/** The peer may go away in the middle of its answer. */
async function bodyOf(url: string, response: Response): Promise<string> {
  try {
    return await response.text()
  } catch {
    throw new CommandError(
      `${new URL(url).origin} went away while it answered; look whether the cluster runs and try again`,
      EXIT.unreachable,
    )
  }
}

function refusal(url: string, status: number, text: string): CommandError {
  const said = text.trim() || `status ${status}`
  if (status === 404) return new CommandError(said, EXIT.notFound)
  if (status === 401) {
    return new CommandError(
      headersFor(url).Authorization === undefined
        ? 'the cluster asks who you are (401): give --principal and --secret-file, or set MESETA_PRINCIPAL and MESETA_SECRET'
        : 'the cluster does not know this principal with this secret (401)',
      EXIT.refused,
    )
  }
  if (status >= 500)
    return new CommandError(
      `${new URL(url).origin} could not do it now (${status}): ${said}; try again`,
      EXIT.refused,
    )
  return new CommandError(`refused (${status}): ${said}`, EXIT.refused)
}
