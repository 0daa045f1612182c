// Runs one attempt of a check or health check: a command, an HTTP GET or a TCP connect to the task's loopback.
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import type { Clock } from '../../protocol/clock.ts'
import type { CheckInfo, CommandInfo, HealthCheck } from '../../protocol/messages.ts'
import type { CheckResult, ContainerEnd } from '../turn.ts'

export interface ProbeOptions {
  readonly clock: Clock
  /** Runs a command beside the task. */
  readonly run: (command: CommandInfo, timeoutMs: number) => Promise<ContainerEnd | 'timeout'>
}

const MAX_REDIRECTS = 5

/** COMMAND passes with exit 0, HTTP with 200 to 399, TCP when it connects. An attempt that hangs has failed. */
export async function probeHealth(check: HealthCheck, options: ProbeOptions): Promise<CheckResult> {
  const timeoutMs = (check.timeout_seconds ?? 20) * 1000
  const passed = await healthPassed(check, options, timeoutMs).catch(() => false)
  return { probe: 'health', passed }
}

/** A check only reports; one that hangs or cannot run has an empty result. */
export async function probeCheck(check: CheckInfo, options: ProbeOptions): Promise<CheckResult> {
  const timeoutMs = (check.timeout_seconds ?? 20) * 1000
  const { type = 'UNKNOWN' } = check
  if (check.command !== undefined) {
    const end = await options.run(check.command.command, timeoutMs).catch(() => 'timeout' as const)
    const exited = end !== 'timeout' && end.kind === 'exit'
    return { probe: 'check', status: { type, command: exited ? { exit_code: end.value } : {} } }
  }
  if (check.http !== undefined) {
    const { port, path = '/' } = check.http
    const status = await httpStatus({ scheme: 'http', port, path }, options.clock, timeoutMs).catch(
      () => undefined,
    )
    return { probe: 'check', status: { type, http: status === undefined ? {} : { status_code: status } } }
  }
  const succeeded = await connects(check.tcp?.port ?? 0, options.clock, timeoutMs).catch(() => undefined)
  return { probe: 'check', status: { type, tcp: succeeded === undefined ? {} : { succeeded } } }
}

async function healthPassed(check: HealthCheck, options: ProbeOptions, timeoutMs: number): Promise<boolean> {
  if (check.command !== undefined) {
    const end = await options.run(check.command, timeoutMs)
    return end !== 'timeout' && end.kind === 'exit' && end.value === 0
  }
  if (check.http !== undefined) {
    const { port, path = '/', scheme = 'http' } = check.http
    const status = await httpStatus({ scheme, port, path }, options.clock, timeoutMs)
    return status >= 200 && status < 400
  }
  return await connects(check.tcp?.port ?? 0, options.clock, timeoutMs)
}

interface Target {
  readonly scheme: string
  readonly port: number
  readonly path: string
}

/** Follows redirects; a certificate is not looked at, because it names the outside of the task. */
async function httpStatus(target: Target, clock: Clock, timeoutMs: number): Promise<number> {
  let url = new URL(`${target.scheme}://127.0.0.1:${target.port}/${target.path.replace(/^\/+/, '')}`)
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const response = await get(url, clock, timeoutMs)
    const { statusCode = 0, headers } = response
    if (statusCode < 300 || statusCode > 399 || headers.location === undefined) return statusCode
    url = new URL(headers.location, url)
  }
  return 310
}

function get(url: URL, clock: Clock, timeoutMs: number): Promise<IncomingMessage> {
  return within(clock, timeoutMs, (resolve, reject) => {
    const take = (response: IncomingMessage) => {
      response.resume()
      resolve(response)
    }
    const request: ClientRequest =
      url.protocol === 'https:'
        ? httpsRequest(url, { rejectUnauthorized: false, agent: false }, take)
        : httpRequest(url, { agent: false }, take)
    request.on('error', reject)
    request.end()
    return () => request.destroy()
  })
}

function connects(port: number, clock: Clock, timeoutMs: number): Promise<boolean> {
  return within(clock, timeoutMs, (resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.on('connect', () => resolve(true))
    socket.on('error', () => resolve(false))
    return () => socket.destroy()
  })
}

/** Rejects when time is up; the returned function of `begin` cleans up in any case. 0 is no limit. */
function within<T>(
  clock: Clock,
  timeoutMs: number,
  begin: (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let cleanUp = () => {}
    const cancel =
      timeoutMs <= 0
        ? () => {}
        : clock.after(timeoutMs, () => over(() => reject(new Error('it took too long'))))
    function over(how: () => void): void {
      cancel()
      how()
      setImmediate(() => cleanUp())
    }
    cleanUp = begin(
      (value) => over(() => resolve(value)),
      (error) => over(() => reject(error)),
    )
  })
}
