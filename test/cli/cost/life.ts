// The steps of a task's life one by one, each exactly, with a clock that stands still: what one more call would cost shows.
import { strict as assert } from 'node:assert'
import { allocate } from '../../../functions/allocator/handler.ts'
import { detect } from '../../../functions/detector/handler.ts'
import type { Framework } from '../../../master/model.ts'
import type { TaskState } from '../../../protocol/messages.ts'
import { all } from '../../../store/store.ts'
import type { StillClock } from './still-clock.ts'
import { type Asked, type World, world } from './world.ts'

const TASK = 'counted'

/** By step: each update comes in a call of its own, and its acknowledgement alone, which is the dearest way. */
export async function countLife(clock: StillClock): Promise<Readonly<Record<string, Asked>>> {
  const made = await world(clock)
  const ending = new AbortController()
  await detect(made.env)
  await made.register(2)
  await made.beat(2)
  const reading = made.subscribe(ending.signal)
  await clock.advance(200)
  const [found] = await all(made.env.store, 'frameworks', {})
  assert(found !== undefined)
  const steps: Record<string, Asked> = {}
  // The reader looks by itself, now and then: while time stands still it does not.
  const step = async (name: string, work: () => Promise<unknown>) => {
    steps[`task: ${name}`] = await made.count(work)
    await clock.advance(1_500)
  }
  await step('its offer', () => allocate(made.env))
  await lifeOf(made, found.item, step)
  ending.abort()
  await reading
  return steps
}

async function lifeOf(
  made: World,
  framework: Framework,
  step: (name: string, work: () => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const [agent] = made.agents
  assert(agent !== undefined)
  const { agentId, incarnation } = agent
  const ledger = await made.env.store.get('ledger', { agentId })
  const [offerId] = Object.keys(ledger?.offers ?? {})
  assert(offerId !== undefined)
  const call = (type: string, rest: object) => made.schedulerCall(framework, { type, ...rest })
  const info = {
    name: TASK,
    task_id: { value: TASK },
    agent_id: { value: agentId },
    resources: [
      { name: 'cpus', type: 'SCALAR', scalar: { value: 0.1 } },
      { name: 'mem', type: 'SCALAR', scalar: { value: 32 } },
    ],
    command: { value: 'true' },
  }
  await step('ACCEPT', () =>
    call('ACCEPT', {
      accept: {
        offer_ids: [{ value: offerId }],
        operations: [{ type: 'LAUNCH', launch: { task_infos: [info] } }],
        filters: { refuse_seconds: 0 },
      },
    }),
  )
  const states: readonly TaskState[] = ['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED']
  for (const [index, state] of states.entries()) {
    const number = index + 1
    const uuid = Buffer.alloc(16, number).toString('base64')
    const status = {
      task_id: { value: TASK },
      state,
      source: 'SOURCE_EXECUTOR' as const,
      uuid,
      agent_id: { value: agentId },
      timestamp: made.env.clock.now() / 1_000,
    }
    const update = {
      frameworkId: framework.frameworkId,
      taskId: TASK,
      number,
      status,
      launchIncarnation: incarnation,
    }
    await step(`UPDATES, ${state}`, () =>
      made.agentCall({
        type: 'UPDATES',
        agentId,
        incarnation,
        applied: 1,
        updates: [{ ...update, latestState: state }],
        exits: [],
        messages: [],
      }),
    )
    const acknowledge = { agent_id: { value: agentId }, task_id: { value: TASK }, uuid }
    await step(`ACKNOWLEDGE, ${state}`, () => call('ACKNOWLEDGE', { acknowledge }))
  }
  const { found } = await made.env.store.query('tasks', { frameworkId: framework.frameworkId, shard: 0 })
  assert.deepEqual(
    found.map(({ item }) => item.standing),
    ['finished'],
  )
}
