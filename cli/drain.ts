// `meseta agent drain`: takes an agent out of service by ending its tasks, and waits for that if asked.
import { readState } from './cluster.ts'
import { CommandError, EXIT } from './exit-codes.ts'
import { callJson } from './http.ts'
import { agentIdOf } from './operator.ts'
import { harmless } from './printing.ts'

const LOOK_EVERY_MS = 500

interface DrainOptions {
  readonly graceSeconds?: number | undefined
  readonly markGone: boolean
  readonly wait: boolean
}

export async function drainAgent(master: string, id: string, options: DrainOptions): Promise<void> {
  const agentId = await agentIdOf(master, id)
  const shown = harmless(agentId)
  await ask(master, agentId, options)
  const { markGone } = options
  if (!options.wait) {
    const next = markGone ? 'when they have ended it is gone for good' : 'see `npx meseta agents`'
    console.log(`${shown} is draining: it is offered to nobody and its tasks are being ended; ${next}`)
    return
  }
  while (!(await isDrained(master, agentId, options)))
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  console.log(
    markGone
      ? `${shown} is drained and gone for good; it may not come back under this id`
      : `${shown} is drained; \`npx meseta agent reactivate ${shown}\` takes it back into service`,
  )
}

async function ask(master: string, agentId: string, options: DrainOptions): Promise<void> {
  const { graceSeconds, markGone } = options
  await callJson(`${master}/api/v1`, {
    type: 'DRAIN_AGENT',
    drain_agent: {
      agent_id: { value: agentId },
      ...(graceSeconds === undefined ? {} : { max_grace_period: duration(graceSeconds) }),
      mark_gone: markGone,
    },
  })
}

function duration(seconds: number): { readonly seconds: number; readonly nanos: number } {
  const whole = Math.floor(seconds)
  return { seconds: whole, nanos: Math.round((seconds - whole) * 1e9) }
}

/** An agent that is not listed is gone or out of reach: the same drain asked for again tells which, and changes nothing. */
async function isDrained(master: string, agentId: string, options: DrainOptions): Promise<boolean> {
  const { slaves } = await readState(master)
  const agent = slaves.find((one) => one.id === agentId)
  if (agent !== undefined) return !options.markGone && agent.drain_info?.state === 'DRAINED'
  try {
    await ask(master, agentId, options)
    return false
  } catch (error) {
    if (!(error instanceof CommandError) || !/^refused \(4/.test(error.message)) throw error
    if (options.markGone) return true
    throw new CommandError(
      `${agentId} is gone or has unregistered; it has nothing left to drain`,
      EXIT.notFound,
    )
  }
}
