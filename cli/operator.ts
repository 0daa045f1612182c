// Operator commands: agents in and out of service (drains: drain.ts), teardown, events, dead letters, and faults for development.
import { styleText } from 'node:util'
import type { MasterEvent } from '../protocol/messages.ts'
import { RecordDecoder } from '../protocol/recordio.ts'
import { findOne, readState } from './cluster.ts'
import { CommandError, EXIT } from './exit-codes.ts'
import { callJson, openStream } from './http.ts'
import { asJson, harmless, show, stateColour } from './printing.ts'

type AgentAction = 'deactivate' | 'reactivate' | 'gone'
const ACTIONS = {
  deactivate: 'DEACTIVATE_AGENT',
  reactivate: 'REACTIVATE_AGENT',
  gone: 'MARK_AGENT_GONE',
} as const
const DONE: Readonly<Record<AgentAction, string>> = {
  deactivate: 'is offered to nobody now; its tasks go on',
  reactivate: 'is offered again',
  gone: 'is gone for good: its tasks are reported as gone, and it may not come back under this id',
}

/** The whole id of an agent; of one that is not registered now the id as given, if it may be one. */
export async function agentIdOf(master: string, id: string): Promise<string> {
  const { slaves } = await readState(master)
  const isListed = slaves.some((agent) => agent.id.endsWith(id) || agent.id.startsWith(id))
  return !isListed && id.includes('-S') ? id : findOne('agent', slaves, id).id
}

export async function changeAgent(master: string, id: string, action: AgentAction): Promise<void> {
  const agentId = await agentIdOf(master, id)
  const type = ACTIONS[action]
  await callJson(`${master}/api/v1`, { type, [type.toLowerCase()]: { agent_id: { value: agentId } } })
  console.log(`${harmless(agentId)} ${DONE[action]}`)
}

export async function teardown(master: string, id: string): Promise<void> {
  const framework = findOne('framework', (await readState(master)).frameworks, id)
  await callJson(`${master}/api/v1`, {
    type: 'TEARDOWN',
    teardown: { framework_id: { value: framework.id } },
  })
  console.log(`${harmless(framework.id)} was removed; its tasks are being killed, and its id stays refused`)
}

/** Prints the operator event stream until it ends or is interrupted. */
export async function events(master: string, json: boolean): Promise<void> {
  const ending = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => ending.abort())
  const response = await openStream(`${master}/api/v1`, { type: 'SUBSCRIBE' }, ending.signal)
  const decoder = new RecordDecoder()
  try {
    for await (const chunk of response.body ?? []) {
      for (const record of decoder.push(chunk)) {
        const text = Buffer.from(record).toString('utf8')
        if (json) console.log(text)
        else printEvent(JSON.parse(text) as MasterEvent)
      }
    }
  } catch {
    // Said below: a stream that breaks has ended, too.
  }
  if (ending.signal.aborted) return
  throw new CommandError(
    'the control plane ended the stream; look whether it runs and try again',
    EXIT.unreachable,
  )
}

function printEvent(event: MasterEvent): void {
  if (event.type === 'HEARTBEAT' || event.type === undefined) return
  const time = styleText('dim', new Date().toISOString().slice(11, 23))
  console.log(`${time} ${event.type.padEnd(18)} ${describe(event)}`)
}

function describe(event: MasterEvent): string {
  if (event.task_added)
    return harmless(`${event.task_added.task.task_id.value} on ${event.task_added.task.agent_id.value}`)
  if (event.task_updated)
    return `${harmless(event.task_updated.status.task_id.value)} ${stateColour(event.task_updated.status.state)}`
  if (event.agent_added) return harmless(event.agent_added.agent.agent_info.id?.value ?? '')
  if (event.agent_removed) return harmless(event.agent_removed.agent_id.value)
  if (event.framework_added) return name(event.framework_added.framework.framework_info)
  if (event.framework_updated) return name(event.framework_updated.framework.framework_info)
  if (event.framework_removed) return name(event.framework_removed.framework_info)
  return 'listening; changes follow as they happen (Ctrl-C ends)'
}

function name(info: { readonly name: string; readonly id?: { readonly value: string } | undefined }): string {
  return harmless(`${info.id?.value ?? ''} ${info.name}`)
}

interface DeadLetter {
  readonly id: string
  readonly queue: string
  readonly sent_at: string
  readonly receives: number
  readonly body?: string
}

export async function listDeadLetters(master: string, json: boolean): Promise<void> {
  const answer = await callJson<{ dead_letters: readonly DeadLetter[] }>(`${master}/api/v1/meseta`, {
    type: 'LIST_DEAD_LETTERS',
  })
  const rows = answer.dead_letters.map((letter) => [
    letter.id,
    letter.queue,
    letter.sent_at,
    String(letter.receives),
  ])
  show(
    answer.dead_letters,
    json,
    ['MESSAGE', 'QUEUE', 'SENT', 'RECEIVES'],
    rows,
    'no dead letters: nothing was parked',
  )
}

export async function showDeadLetter(master: string, id: string): Promise<void> {
  const answer = await callJson<{ dead_letter: DeadLetter }>(`${master}/api/v1/meseta`, {
    type: 'SHOW_DEAD_LETTER',
    show_dead_letter: { id },
  })
  console.log(asJson(answer.dead_letter, 2))
}

export async function redriveDeadLetters(master: string, id: string | undefined): Promise<void> {
  const answer = await callJson<{ redriven: number }>(`${master}/api/v1/meseta`, {
    type: 'REDRIVE_DEAD_LETTERS',
    redrive_dead_letters: id === undefined ? {} : { id },
  })
  console.log(`${answer.redriven} message${answer.redriven === 1 ? '' : 's'} put back into the queue`)
}

/** Faults on one machine: only a cluster of `npm start` takes these. */
export async function fault(
  master: string,
  what: 'KILL_MACHINE' | 'PAUSE_AGENT' | 'PARTITION_AGENT',
  index: number,
  seconds: number | undefined,
): Promise<void> {
  const answer = await callJson<{ said: string }>(`${master}/api/v1/meseta`, {
    type: what,
    [what.toLowerCase()]: { index, ...(seconds === undefined ? {} : { seconds }) },
  })
  console.log(harmless(answer.said))
}
