// Status updates: what they carry, how they are repeated, what an acknowledgement does (C94–C100).
import { expect, test } from 'vitest'
import type { TaskStatus } from '../../protocol/messages.ts'
import { amountOf, commandTask, ENCODINGS, type TestFramework } from '../framework.ts'
import { cluster, onOneCluster, subscribe } from './one-cluster.ts'
import { aMoment, isOffer, moveUntil, runTask, statuses, until } from './waiting.ts'

onOneCluster()

/** Runs a command whose updates nobody acknowledges, and waits until the cluster knows that it finished. */
async function finishUnacknowledged(
  framework: TestFramework,
  taskId: string,
  cpus = 0.1,
): Promise<TaskStatus> {
  const offer = await framework.offer()
  await framework.launch([offer], [commandTask(offer, taskId, 'true', { cpus })], 0)
  const first = await framework.update(taskId)
  await until(async () => (await stateOf(taskId)) === 'TASK_FINISHED')
  return first
}

/** As operators see it; undefined for a task that is not among the live ones. */
async function stateOf(taskId: string): Promise<string | undefined> {
  const { json } = await cluster.operator({ type: 'GET_TASKS' })
  const { get_tasks } = json as {
    get_tasks: { tasks: readonly { task_id: { value: string }; state: string }[] }
  }
  return get_tasks.tasks.find(({ task_id }) => task_id.value === taskId)?.state
}

function bytesOf(status: TaskStatus): number {
  return Buffer.from(status.uuid ?? '', 'base64').length
}

test('C94 no event is sent for entering TASK_STAGING', async () => {
  const framework = await subscribe()
  await runTask(framework, 'c94', { command: 'sleep 0.1' })
  await framework.update('c94', 'TASK_FINISHED')
  expect(statuses(framework, 'c94').map(({ state }) => state)).toEqual([
    'TASK_STARTING',
    'TASK_RUNNING',
    'TASK_FINISHED',
  ])
})

test.each(ENCODINGS)(
  'C95 (%s) an UPDATE of an executor carries uuid, source, ids, time and container',
  async (encoding) => {
    const framework = await subscribe({ encoding })
    const before = cluster.clock.now() / 1000
    const { task, status } = await runTask(framework, 'c95')
    expect(status).toMatchObject({
      task_id: { value: 'c95' },
      state: 'TASK_RUNNING',
      source: 'SOURCE_EXECUTOR',
      agent_id: task.agent_id,
      executor_id: { value: 'c95' },
    })
    expect(bytesOf(status)).toBe(16)
    expect(status.timestamp).toBeGreaterThan(before - 1)
    expect(status.timestamp).toBeLessThan(cluster.clock.now() / 1000 + 1)
    expect(status.container_status?.container_id?.value).toBeTruthy()
    const [network] = status.container_status?.network_infos ?? []
    expect(network?.ip_addresses?.[0]).toMatchObject({ ip_address: '127.0.0.1' })
    const uuids = statuses(framework, 'c95').map(({ uuid }) => uuid)
    expect(new Set(uuids).size).toBe(uuids.length)
  },
)

test.each(ENCODINGS)(
  'C96 F40 (%s) unacknowledged it is resent with the same uuid after about 10 s, then with doubling pauses',
  async (encoding) => {
    const framework = await subscribe({ encoding, acknowledge: false })
    const first = await finishUnacknowledged(framework, 'c96')
    const seen = () => statuses(framework, 'c96').length
    const pauses: number[] = []
    for (let repeat = 1; repeat <= 3; repeat++) {
      pauses.push(await moveUntil(cluster, () => seen() > repeat, { atMostMs: 60_000 }))
    }
    // Cluster time moves by ticks of a second, each wait begins where the last one was noticed, and while the clock is
    // moved fast a busy machine is late by seconds of it.
    for (const [index, expected] of [10_000, 20_000, 40_000].entries()) {
      expect(Math.abs((pauses[index] ?? 0) - expected)).toBeLessThan(4_000)
    }
    const told = statuses(framework, 'c96')
    expect(told).toHaveLength(4)
    for (const status of told) expect(status).toEqual(first)

    await framework.acknowledge(first)
    expect(await framework.update('c96', 'TASK_RUNNING')).not.toMatchObject({ uuid: first.uuid })
  },
)

test('C97 F41 the next update of a task comes only after the acknowledgement', async () => {
  const framework = await subscribe({ acknowledge: false })
  const starting = await finishUnacknowledged(framework, 'c97')
  expect(starting.state).toBe('TASK_STARTING')
  await aMoment()
  expect(statuses(framework, 'c97')).toHaveLength(1)
  await framework.acknowledge(starting)
  const running = await framework.update('c97')
  expect(running.state).toBe('TASK_RUNNING')
  await aMoment()
  expect(statuses(framework, 'c97')).toHaveLength(2)
  await framework.acknowledge(running)
  expect((await framework.update('c97')).state).toBe('TASK_FINISHED')
})

test.each(ENCODINGS)('C98 (%s) ACKNOWLEDGE with a uuid that is not 16 bytes is 400', async (encoding) => {
  const framework = await subscribe({ encoding })
  for (const bytes of [0, 15, 17]) {
    const { status, text } = await framework.call({
      type: 'ACKNOWLEDGE',
      acknowledge: {
        agent_id: { value: cluster.agents[0]?.id ?? '' },
        task_id: { value: 'c98' },
        uuid: Buffer.alloc(bytes, 1).toString('base64'),
      },
    })
    expect(status).toBe(400)
    expect(text).toBeTruthy()
  }
})

test('C98 F42 with a stale one it is 202 without effect; repeated it is 202', async () => {
  const framework = await subscribe({ acknowledge: false })
  const starting = await finishUnacknowledged(framework, 'c98')
  const strange = { ...starting, uuid: Buffer.alloc(16, 7).toString('base64') }
  expect((await framework.acknowledge(strange)).status).toBe(202)
  await aMoment(150)
  expect(statuses(framework, 'c98')).toHaveLength(1)

  for (let times = 0; times < 3; times++) expect((await framework.acknowledge(starting)).status).toBe(202)
  const running = await framework.update('c98', 'TASK_RUNNING')
  // Now stale: it must not take the place of the one for TASK_RUNNING.
  expect((await framework.acknowledge(starting)).status).toBe(202)
  await aMoment(150)
  expect(statuses(framework, 'c98')).toHaveLength(2)
  expect((await framework.acknowledge(running)).status).toBe(202)
  const finished = await framework.update('c98', 'TASK_FINISHED')
  expect((await framework.acknowledge({ ...finished, agent_id: { value: 'another-agent' } })).status).toBe(
    202,
  )
  expect(await stateOf('c98')).toBe('TASK_FINISHED')
  expect((await framework.acknowledge(finished)).status).toBe(202)
  expect(await stateOf('c98')).toBeUndefined()
  expect((await framework.acknowledge(finished)).status).toBe(202)
})

test('C99 F43 after acknowledgement of the terminal update the task disappears from reconciliation', async () => {
  const framework = await subscribe({ acknowledge: false, capabilities: ['PARTITION_AWARE'] })
  const starting = await finishUnacknowledged(framework, 'c99')
  await framework.acknowledge(starting)
  await framework.acknowledge(await framework.update('c99', 'TASK_RUNNING'))
  const finished = await framework.update('c99', 'TASK_FINISHED')

  const reconcileAll = () => framework.call({ type: 'RECONCILE', reconcile: { tasks: [] } })
  await reconcileAll()
  expect(await framework.update('c99')).toMatchObject({
    state: 'TASK_FINISHED',
    reason: 'REASON_RECONCILIATION',
  })
  await framework.acknowledge(finished)
  const before = statuses(framework, 'c99').length
  await reconcileAll()
  await aMoment()
  expect(statuses(framework, 'c99')).toHaveLength(before)
  const { agent_id, task_id } = finished
  await framework.call({ type: 'RECONCILE', reconcile: { tasks: [{ task_id, agent_id }] } })
  expect(await framework.update('c99')).toMatchObject({ state: 'TASK_GONE' })
})

test('C100 F43 resources of a finished task are offered again before its terminal update is acknowledged', async () => {
  const framework = await subscribe({ acknowledge: false })
  await finishUnacknowledged(framework, 'c100', 4)
  const whole = () =>
    framework.events
      .filter(isOffer)
      .slice(1)
      .some((event) => event.offers?.offers?.some((offer) => amountOf(offer, 'cpus') === 4))
  await moveUntil(cluster, whole, { atMostMs: 6_000 })
  expect(statuses(framework, 'c100').map(({ state }) => state)).toEqual(['TASK_STARTING'])
})
