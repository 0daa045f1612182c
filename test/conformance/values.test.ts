// Numbers that are hard: 64 bits, three decimals, ranges; over an agent made for it (C18, C24–C26).
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Offer, Resource, TaskInfo, TaskStatus } from '../../protocol/messages.ts'
import { RecordDecoder } from '../../protocol/recordio.ts'
import { startCluster, type TestCluster } from '../cluster.ts'
import {
  commandTask,
  ENCODINGS,
  JSON_TYPE,
  type SubscribeOptions,
  scalar,
  TestFramework,
} from '../framework.ts'
import { teardown, until } from './waiting.ts'

/** Above 2^53, and not the nearest number with a double's precision. */
const BIG = 9_007_199_254_740_993n

let cluster: TestCluster
let frameworks: TestFramework[] = []
beforeAll(async () => {
  const resources = 'cpus:0.3;mem:512;disk:1024;ports:[31000-31999]'
  cluster = await startCluster({ resources })
})
afterAll(() => cluster.stop())
afterEach(async () => {
  await teardown(cluster, frameworks)
  frameworks = []
})

async function subscribe(options: SubscribeOptions = {}): Promise<TestFramework> {
  const framework = await TestFramework.subscribe(cluster.url, options)
  frameworks.push(framework)
  return framework
}

function ranges(name: string, ...range: { readonly begin: number; readonly end: number }[]) {
  return { name, type: 'RANGES', ranges: { range } } as const
}

function resourceOf(offer: Offer, name: string): Resource | undefined {
  return offer.resources?.find((resource) => resource.name === name)
}

/** Launches a task with such resources on the next offer and gives what is said of it first. */
async function firstWord(
  framework: TestFramework,
  taskId: string,
  resources: readonly Resource[],
): Promise<TaskStatus> {
  const offer = await framework.offer()
  const task: TaskInfo = { ...commandTask(offer, taskId, 'sleep 1000'), resources }
  await framework.launch([offer], [task], 0)
  return await framework.update(taskId)
}

test.each(ENCODINGS)('C18 (%s) integers above 2^53 go there and back unchanged', async (encoding) => {
  const framework = await subscribe({ encoding })
  const offer = await framework.offer()
  const { command: _, ...task } = commandTask(offer, 'c18', '')
  const executor = { executor_id: { value: 'c18' }, command: { value: 'sleep 1000' } }
  const durations = {
    kill_policy: { grace_period: { nanoseconds: BIG } },
    max_completion_time: { nanoseconds: BIG + 2n },
  }
  await framework.launch([offer], [{ ...task, ...durations, executor }], 0)

  // What operators are shown, and what the executor is told: full digits, not quoted.
  const { text } = await cluster.operator({ type: 'GET_TASKS' })
  expect(text).toContain(`"kill_policy":{"grace_period":{"nanoseconds":${BIG}}}`)
  const launched = await launchAsTold(framework.id, 'c18')
  expect(launched).toContain(`"kill_policy":{"grace_period":{"nanoseconds":${BIG}}}`)
  expect(launched).toContain(`"max_completion_time":{"nanoseconds":${BIG + 2n}}`)
})

/** Subscribes as the executor, whose own process says nothing, and gives the LAUNCH it gets. */
async function launchAsTold(frameworkId: string, executorId: string): Promise<string> {
  const body = {
    type: 'SUBSCRIBE',
    framework_id: { value: frameworkId },
    executor_id: { value: executorId },
    subscribe: {},
  }
  const ask = () =>
    fetch(`${cluster.agents[0]?.url}/api/v1/executor`, {
      method: 'POST',
      headers: { 'content-type': JSON_TYPE },
      body: JSON.stringify(body),
    })
  let response = await ask()
  // Until the launch has come to the agent it knows no such framework.
  await until(async () => {
    if (!response.ok) response = await ask()
    return response.ok
  })
  const decoder = new RecordDecoder()
  for await (const chunk of response.body ?? []) {
    const launch = decoder
      .push(chunk)
      .map(String)
      .find((text) => text.includes('"type":"LAUNCH"'))
    if (launch !== undefined) return launch
  }
  throw new Error('the stream of the executor ended without a LAUNCH')
}

describe('scalars', () => {
  test.each(ENCODINGS)(
    'C24 (%s) cpus 0.1 + 0.2 from 0.3 leave nothing, and are accepted',
    async (encoding) => {
      const framework = await subscribe({ encoding })
      const offer = await framework.offer()
      expect(resourceOf(offer, 'cpus')?.scalar?.value).toBe(0.3)
      const tasks = [0.1, 0.2].map((cpus, index) =>
        commandTask(offer, `c24-${index}`, 'sleep 1000', { cpus }),
      )
      await framework.launch([offer], tasks, 0)
      for (const { name } of tasks) await framework.update(name, 'TASK_RUNNING')
      const rest = await framework.offer()
      expect(resourceOf(rest, 'mem')?.scalar?.value).toBe(512 - 64)
      expect(resourceOf(rest, 'cpus')).toBeUndefined()
    },
  )

  test('C24 also as two amounts of one task, and back again when it is over', async () => {
    const framework = await subscribe()
    const both = [scalar('cpus', 0.1), scalar('cpus', 0.2), scalar('mem', 32)]
    expect((await firstWord(framework, 'c24-both', both)).state).toBe('TASK_STARTING')
    expect(resourceOf(await framework.offer(), 'cpus')).toBeUndefined()
    await framework.call({ type: 'KILL', kill: { task_id: { value: 'c24-both' } } })
    await framework.update('c24-both', 'TASK_KILLED')
    await framework.call({ type: 'REVIVE' })
    const amounts = await cpusOfOffers(framework)
    expect(amounts).toContain(0.3)
  })

  test('C24 a thousandth more is too much', async () => {
    const framework = await subscribe()
    const status = await firstWord(framework, 'c24-more', [scalar('cpus', 0.301), scalar('mem', 32)])
    expect(status).toMatchObject({ state: 'TASK_ERROR', reason: 'REASON_TASK_INVALID' })
  })

  test.each(ENCODINGS)('C25 (%s) a scalar of 0.0004 makes the task TASK_ERROR', async (encoding) => {
    const framework = await subscribe({ encoding })
    const error = { state: 'TASK_ERROR', source: 'SOURCE_MASTER', reason: 'REASON_TASK_INVALID' }
    const little = await firstWord(framework, 'c25', [scalar('cpus', 0.0004), scalar('mem', 32)])
    expect(little).toMatchObject(error)
    const negative = await firstWord(framework, 'c25-', [scalar('cpus', -0.1), scalar('mem', 32)])
    expect(negative).toMatchObject(error)
    // Half a thousandth is one.
    const enough = await firstWord(framework, 'c25-half', [scalar('cpus', 0.0005), scalar('mem', 32)])
    expect(enough.state).toBe('TASK_STARTING')
    expect(resourceOf(await framework.offer(), 'cpus')?.scalar?.value).toBe(0.299)
  })
})

test.each(ENCODINGS)(
  'C26 (%s) overlapping ranges in one resource make the task TASK_ERROR',
  async (encoding) => {
    const framework = await subscribe({ encoding })
    const some = [scalar('cpus', 0.1), scalar('mem', 32)]
    const error = { state: 'TASK_ERROR', source: 'SOURCE_MASTER', reason: 'REASON_TASK_INVALID' }
    const overlapping = ranges('ports', { begin: 31_000, end: 31_005 }, { begin: 31_005, end: 31_010 })
    expect(await firstWord(framework, 'c26', [...some, overlapping])).toMatchObject(error)
    const backwards = ranges('ports', { begin: 31_005, end: 31_000 })
    expect(await firstWord(framework, 'c26-back', [...some, backwards])).toMatchObject(error)
    // Side by side they are one range.
    const beside = ranges('ports', { begin: 31_000, end: 31_004 }, { begin: 31_005, end: 31_010 })
    expect((await firstWord(framework, 'c26-beside', [...some, beside])).state).toBe('TASK_STARTING')
    expect(resourceOf(await framework.offer(), 'ports')?.ranges?.range).toEqual([
      { begin: 31_011, end: 31_999 },
    ])
  },
)

/** Of the offers that come until one of them is the whole agent. */
async function cpusOfOffers(framework: TestFramework): Promise<readonly (number | undefined)[]> {
  const amounts: (number | undefined)[] = []
  while (!amounts.includes(0.3)) {
    const offer = await framework.offer()
    amounts.push(resourceOf(offer, 'cpus')?.scalar?.value)
    if (amounts.length > 5) break
    await framework.decline([offer], 0)
  }
  return amounts
}
