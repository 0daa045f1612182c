// Under `fast` an agent is lost after 1.5 s of silence, and its custom executors may take 2 s to come back (F28).
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startCluster, type TestCluster } from '../cluster.ts'
import { moveUntil, statuses } from '../conformance/waiting.ts'
import { customExecutor, launchUnder, type TestExecutor } from '../executor.ts'
import { TestFramework } from '../framework.ts'

let cluster: TestCluster
let framework: TestFramework
let executor: TestExecutor
beforeEach(async () => {
  cluster = await startCluster({ profile: 'fast', store: 'memory' })
  framework = await TestFramework.subscribe(cluster.url, { info: { checkpoint: true } })
  const agentUrl = () => cluster.agents[0]?.url ?? ''
  executor = await launchUnder(framework, agentUrl, customExecutor('e'), ['t'])
  await executor.untilStarted()
  await (await executor.subscribe()).next('LAUNCH')
  await executor.update('t', 'TASK_RUNNING')
  await framework.update('t', 'TASK_RUNNING')
})
afterEach(async () => {
  executor.close()
  await cluster.stop()
})

test('F5 F28 an agent that is back beats before its executors are: nobody takes it for lost', async () => {
  const [agent] = cluster.agents
  await agent?.stop()
  await agent?.startAgain()
  const isGone = () => statuses(framework, 't').length > 1
  const isLost = () => framework.events.some(({ failure }) => failure?.executor_id === undefined && failure)
  // Small steps: the agent's beats and the detector's ticks keep their order.
  await moveUntil(cluster, () => isGone() || Boolean(isLost()), { atMostMs: 6_000, stepMs: 100 })
  expect(isLost()).toBeFalsy()
  expect(statuses(framework, 't').at(-1)).toMatchObject({
    state: 'TASK_LOST',
    reason: 'REASON_EXECUTOR_REREGISTRATION_TIMEOUT',
  })
  const ledger = await cluster.store.get('ledger', { agentId: agent?.id ?? '' })
  expect(ledger).toMatchObject({ life: 'active', lossNumber: 0 })
})

test('F5 F28 an executor that comes back within its time finds its agent registered and its tasks as they were', async () => {
  const [agent] = cluster.agents
  await agent?.stop()
  await agent?.startAgain()
  await cluster.clock.advance(1_000, { stepMs: 100, settleMs: 8 })
  await (await executor.subscribe()).next('SUBSCRIBED')
  await executor.update('t', 'TASK_FINISHED')
  await framework.update('t', 'TASK_FINISHED')
  expect(statuses(framework, 't').map(({ state }) => state)).toEqual(['TASK_RUNNING', 'TASK_FINISHED'])
  const ledger = await cluster.store.get('ledger', { agentId: agent?.id ?? '' })
  expect(ledger).toMatchObject({ life: 'active', lossNumber: 0 })
})
