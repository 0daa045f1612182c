// Faults for a cluster on this machine, asked for by `meseta dev`: a dead machine, a stopped agent, a cut-off agent; and
// queues that nobody reaches, asked for by tests.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { forbidden, noteRefusal } from '../functions/authorize.ts'
import type { Log } from '../functions/environment.ts'
import { reduced } from '../functions/http/routes.ts'
import { type HttpAnswer, type HttpRequest, json, text } from '../functions/http/types.ts'
import { allowed } from '../master/authorization/acls.ts'
import { type LocalAgent, partitionFile, runningIn } from './agents.ts'
import type { Doors } from './doors.ts'
import { killMachine } from './machine.ts'

interface FaultCall {
  readonly type: string
  readonly kill_machine?: { readonly index: number }
  readonly pause_agent?: { readonly index: number; readonly seconds?: number }
  readonly partition_agent?: { readonly index: number; readonly seconds?: number }
  readonly cut_queues?: { readonly seconds?: number }
}

/** Answers the fault calls of `POST /api/v1/meseta`; every other request is passed on. */
export function faultRoutes(
  agents: () => readonly LocalAgent[],
  cutQueues: (ms: number) => void,
  doors: Doors & { readonly log: Log },
): (request: HttpRequest) => Promise<HttpAnswer | undefined> {
  return async (request) => {
    if (request.method !== 'POST' || reduced(request.path) !== '/api/v1/meseta') return undefined
    const call = parse(request.body)
    if (!FAULTS.some((fault) => call?.[fault] !== undefined)) return undefined
    const refused = await refusal(request, doors)
    if (refused !== undefined) return refused
    if (call?.kill_machine !== undefined) return onAgent(agents(), call.kill_machine.index, kill)
    if (call?.pause_agent !== undefined)
      return onAgent(agents(), call.pause_agent.index, (agent) =>
        pause(agent, call.pause_agent?.seconds ?? 30),
      )
    if (call?.partition_agent !== undefined)
      return onAgent(agents(), call.partition_agent.index, (agent) =>
        partition(agent, call.partition_agent?.seconds ?? 30),
      )
    if (call?.cut_queues !== undefined) {
      const { seconds = 30 } = call.cut_queues
      cutQueues(seconds * 1_000)
      return json(200, { said: `nobody reaches the queues for ${seconds} s` })
    }
    return undefined
  }
}

const FAULTS = ['kill_machine', 'pause_agent', 'partition_agent', 'cut_queues'] as const

/** Who kills machines says who he is, where the others do. */
async function refusal(
  request: HttpRequest,
  { guards, acls, log }: Doors & { readonly log: Log },
): Promise<HttpAnswer | undefined> {
  const who = (await guards.readwrite?.(request)) ?? {}
  if ('refused' in who) return who.refused
  if (allowed(acls, 'call_meseta', who.principal, 'FAULTS')) return undefined
  noteRefusal({ log }, who, 'call_meseta', 'FAULTS')
  return forbidden()
}

function onAgent(
  agents: readonly LocalAgent[],
  index: number,
  act: (agent: LocalAgent) => HttpAnswer,
): HttpAnswer {
  const agent = agents[index]
  if (agent === undefined)
    return text(
      404,
      `There is no agent ${index}; this cluster started ${agents.length} (0 to ${agents.length - 1})`,
    )
  return act(agent)
}

function kill(agent: LocalAgent): HttpAnswer {
  const killed = killMachine(agent.workDir)
  if (killed === 0) return text(409, `Agent ${agent.index} does not run; start it with: ${agent.command}`)
  return json(200, {
    said: `killed agent ${agent.index} and everything on its machine (${killed} processes); repair it with: ${agent.command}`,
  })
}

function pause(agent: LocalAgent, seconds: number): HttpAnswer {
  const running = runningIn(agent.workDir)
  if (running === undefined)
    return text(409, `Agent ${agent.index} does not run; start it with: ${agent.command}`)
  process.kill(running.pid, 'SIGSTOP')
  setTimeout(() => {
    if (runningIn(agent.workDir)?.pid === running.pid) process.kill(running.pid, 'SIGCONT')
  }, seconds * 1_000)
  return json(200, { said: `agent ${agent.index} is stopped for ${seconds} s; its tasks go on` })
}

/** The agent looks at this file before it speaks to the control plane (`--partition-file`). */
function partition(agent: LocalAgent, seconds: number): HttpAnswer {
  if (runningIn(agent.workDir) === undefined)
    return text(409, `Agent ${agent.index} does not run; start it with: ${agent.command}`)
  const file = partitionFile(agent.workDir)
  const until = Date.now() + seconds * 1_000
  writeFileSync(file, String(until))
  setTimeout(() => {
    if (existsSync(file) && readFileSync(file, 'utf8') === String(until)) writeFileSync(file, '0')
  }, seconds * 1_000)
  return json(200, { said: `agent ${agent.index} is cut off for ${seconds} s; its tasks go on` })
}

function parse(body: Uint8Array): FaultCall | undefined {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8')) as FaultCall
  } catch {
    return undefined
  }
}
