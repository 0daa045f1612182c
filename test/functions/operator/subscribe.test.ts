// C138: the operator's stream, from its snapshot on without gap or repetition.
import { describe, expect, test } from 'vitest'
import { CHANGE_BELL } from '../../../functions/tell.ts'
import type { Task } from '../../../master/model.ts'
import type { MasterEvent, TaskState, TaskStatus } from '../../../protocol/messages.ts'
import { agent, cpusMem, framework } from '../../master/allocator/world.ts'
import { listen, type Office, office, task } from './asking.ts'

const A = 'cluster-Sa'
const SUBSCRIBE = {
  body: '{"type":"SUBSCRIBE"}',
  headers: { 'content-type': 'application/json' },
}

async function subscribed(there: Office) {
  const stream = listen(await there.request('POST', '/api/v1', SUBSCRIBE))
  await stream.until((events) => events.length >= 2)
  return stream
}

function status(state: TaskState, more: Partial<TaskStatus> = {}): TaskStatus {
  return { task_id: { value: 't' }, state, timestamp: 1, ...more }
}

function inState(state: TaskState, statuses: readonly TaskStatus[], more: Partial<Task> = {}): Task {
  const { mesos: _, ...rest } = more
  return task('t', { ...rest, mesos: { state, statuses } })
}

/** What an event says, in a word or three. */
function said(event: MasterEvent): string {
  const { task_added, task_updated, agent_added, framework_added, framework_updated, framework_removed } =
    event
  const about =
    task_added?.task.task_id.value ??
    (task_updated && `${task_updated.status.task_id.value} ${task_updated.status.state}`) ??
    agent_added?.agent.agent_info.id?.value ??
    event.agent_removed?.agent_id.value ??
    (framework_added ?? framework_updated)?.framework.framework_info.name ??
    framework_removed?.framework_info.name
  return about === undefined ? `${event.type}` : `${event.type} ${about}`
}

describe('C138', () => {
  test('SUBSCRIBED with the state, HEARTBEAT, then what happens', async () => {
    const there = await office()
    await there.put(agent(A, cpusMem(4, 4096)))
    const stream = await subscribed(there)
    expect(stream.events[0]).toMatchObject({
      type: 'SUBSCRIBED',
      subscribed: {
        heartbeat_interval_seconds: 15,
        get_state: {
          get_agents: { agents: [{ agent_info: { id: { value: A } } }] },
          get_tasks: { tasks: [] },
        },
      },
    })
    await there.put(framework('f'))
    await there.putTask(inState('TASK_STAGING', []))
    await there.putTask(inState('TASK_RUNNING', [status('TASK_STARTING'), status('TASK_RUNNING')]))
    there.env.bells.ring(CHANGE_BELL)
    await stream.until((events) => events.length >= 6)
    await there.putTask(
      inState('TASK_FINISHED', [status('TASK_STARTING'), status('TASK_RUNNING'), status('TASK_FINISHED')]),
    )
    await stream.until((events) => events.length >= 7)
    await stream.close()
    expect(stream.events.map(said)).toEqual([
      'SUBSCRIBED',
      'HEARTBEAT',
      'FRAMEWORK_ADDED f',
      'TASK_ADDED t',
      'TASK_UPDATED t TASK_STARTING',
      'TASK_UPDATED t TASK_RUNNING',
      'TASK_UPDATED t TASK_FINISHED',
    ])
    expect(stream.events[3]?.task_added?.task.state).toBe('TASK_STAGING')
    expect(stream.events[4]?.task_updated?.state).toBe('TASK_RUNNING')
  })

  test('a change of health is said, the same state again is not', async () => {
    const there = await office()
    await there.put(agent(A, cpusMem(4, 4096)), framework('f'))
    await there.putTask(inState('TASK_RUNNING', [status('TASK_RUNNING', { healthy: true })]))
    const stream = await subscribed(there)
    await there.putTask(inState('TASK_RUNNING', [status('TASK_RUNNING', { healthy: true, timestamp: 2 })]))
    await settle()
    await there.putTask(inState('TASK_RUNNING', [status('TASK_RUNNING', { healthy: false, timestamp: 3 })]))
    await stream.until((events) => events.length >= 3)
    await stream.close()
    expect(stream.events.slice(2).map(({ task_updated }) => task_updated?.status)).toEqual([
      status('TASK_RUNNING', { healthy: false, timestamp: 3 }),
    ])
  })

  test('a lost agent’s task is said lost once, however its own record follows', async () => {
    const there = await office()
    await there.put(agent(A, cpusMem(4, 4096)), framework('f', { can: ['PARTITION_AWARE'] }))
    await there.putTask(inState('TASK_RUNNING', [status('TASK_RUNNING')]))
    const stream = await subscribed(there)
    const now = await there.ledger(A)
    const lost = { ...now, life: 'unreachable' as const, lossNumber: 1, sums: {} }
    await there.env.store.commit(
      [{ do: 'put', kind: 'ledger', item: lost, when: { name: 'unchanged' } }],
      'lost',
    )
    await stream.until((events) => events.length >= 3)
    await there.putTask(
      inState('TASK_UNREACHABLE', [status('TASK_RUNNING'), status('TASK_UNREACHABLE')], { standing: 'lost' }),
    )
    await settle()
    const back = { ...lost, version: lost.version + 1, life: 'active' as const }
    await there.env.store.commit(
      [{ do: 'put', kind: 'ledger', item: back, when: { name: 'unchanged' } }],
      'back',
    )
    await stream.until((events) => events.length >= 4)
    await stream.close()
    expect(stream.events.slice(2).map(said)).toEqual(['TASK_UPDATED t TASK_UNREACHABLE', `AGENT_ADDED ${A}`])
  })

  test('FRAMEWORK_REMOVED comes after the ends of its tasks', async () => {
    const there = await office()
    await there.put(agent(A, cpusMem(4, 4096)), framework('f'))
    await there.putTask(inState('TASK_RUNNING', [status('TASK_RUNNING')]))
    const stream = await subscribed(there)
    const body = JSON.stringify({ type: 'TEARDOWN', teardown: { framework_id: { value: 'f' } } })
    await there.request('POST', '/api/v1', { ...SUBSCRIBE, body })
    await stream.until((events) => events.length >= 4)
    await settle()
    await stream.close()
    expect(stream.events.slice(2).map(said)).toEqual(['TASK_UPDATED t TASK_KILLED', 'FRAMEWORK_REMOVED f'])
  })

  test('a framework that subscribes again, and an agent that unregisters', async () => {
    const there = await office()
    await there.put(agent(A, cpusMem(4, 4096)), framework('f'))
    const stream = await subscribed(there)
    await there.put({ ...framework('f', { epoch: 2, reregisteredAt: 7 }), version: 1 })
    await stream.until((events) => events.length >= 3)
    const now = await there.ledger(A)
    const item = { ...now, life: 'removed' as const }
    await there.env.store.commit(
      [{ do: 'put', kind: 'ledger', item, when: { name: 'unchanged' } }],
      'removed',
    )
    await stream.until((events) => events.length >= 4)
    await stream.close()
    expect(stream.events.slice(2).map(said)).toEqual(['FRAMEWORK_UPDATED f', `AGENT_REMOVED ${A}`])
  })

  test('who joins late has in its state what the others were told, and both hear the rest once', async () => {
    const there = await office()
    await there.put(agent(A, cpusMem(4, 4096)), framework('f'))
    const early = await subscribed(there)
    const streams = [early]
    for (let index = 0; index < 20; index++) {
      await there.putTask(task(`t${index}`))
      if (index % 4 === 0) streams.push(listen(await there.request('POST', '/api/v1', SUBSCRIBE)))
    }
    await settle()
    for (const stream of streams) {
      await stream.until((events) => known(events).length >= 20)
      await stream.close()
      expect(known(stream.events).toSorted()).toEqual(
        Array.from({ length: 20 }, (_, index) => `t${index}`).toSorted(),
      )
    }
  })

  test('heartbeats come every 15 s', async () => {
    const there = await office()
    const stream = await subscribed(there)
    there.clock.time += 15_000
    await stream.until((events) => events.length >= 3)
    await settle()
    await stream.close()
    expect(stream.events.map(({ type }) => type)).toEqual(['SUBSCRIBED', 'HEARTBEAT', 'HEARTBEAT'])
  })

  test('nobody listening costs nothing', async () => {
    const there = await office()
    const stream = await subscribed(there)
    await stream.close()
    await settle()
    let reads = 0
    const query = there.env.store.query
    Object.assign(there.env.store, {
      query: (...args: Parameters<typeof query>) => {
        reads++
        return query(...args)
      },
    })
    there.env.bells.ring(CHANGE_BELL)
    await settle()
    expect(reads).toBe(0)
  })
})

/** Names of the tasks a listener knows of: from the state, and from what followed. */
function known(events: readonly MasterEvent[]): readonly string[] {
  return events.flatMap(({ subscribed, task_added }) => [
    ...(subscribed?.get_state?.get_tasks?.tasks ?? []).map(({ name }) => name),
    ...(task_added === undefined ? [] : [task_added.task.name]),
  ])
}

async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 40))
}
