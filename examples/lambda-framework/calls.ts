// The calls to the cluster.
import type { Settings } from './settings.ts'

/** Of the session that a delivery belongs to. */
export interface Session {
  readonly frameworkId: string
  readonly streamId: string
}

const TIMEOUT_MS = 5_000

/**
 * One scheduler call. Throws when it should be made again; a refusal is final: the session is over, and the next
 * one is told everything that matters anew.
 */
export async function call(settings: Settings, session: Session, body: object): Promise<void> {
  const whole = { ...body, framework_id: { value: session.frameworkId } }
  const answer = await post(settings, '/api/v1/scheduler', whole, { 'mesos-stream-id': session.streamId })
  const text = await answer.text()
  if (answer.status >= 500 || answer.status === 429) throw new Error(`${answer.status} ${text}`)
  if (!answer.ok) console.warn(`refused: ${answer.status} ${text}`)
}

export function post(
  settings: Settings,
  path: string,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return send(settings, path, { method: 'POST', body: JSON.stringify(body) }, headers)
}

/** Reads a JSON document of the cluster. */
export async function get<T>(settings: Settings, path: string): Promise<T> {
  const answer = await send(settings, path, {}, {})
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
  return (await answer.json()) as T
}

function send(
  { url, authorization }: Settings,
  path: string,
  init: RequestInit,
  headers: Readonly<Record<string, string>>,
): Promise<Response> {
  const json = { 'content-type': 'application/json', accept: 'application/json' }
  const known = authorization === '' ? {} : { authorization }
  return fetch(`${url}${path}`, {
    ...init,
    headers: { ...json, ...known, ...headers },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
}
