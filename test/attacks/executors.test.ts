// An executor that says too much: to its agent's API, and through it to the control plane that other tasks need as well.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { writeJson } from '../../agent/exact-json.ts'
import { MAX_MESSAGE_BYTES, MAX_STATUS_BYTES } from '../../agent/executor/calls.ts'
import { readCall } from '../../functions/agents/call-shape.ts'
import { MAX_BODY_BYTES } from '../../master/limits.ts'
import type { AgentCall } from '../../protocol/agent-messages.ts'
import { startWorld, until, type World } from '../agent/agent-process.ts'
import { callOf, eventOf, post, subscribe, updateOf, uuid } from '../agent/executor-client.ts'
import { wanted } from '../agent/tasks.ts'

let world: World
beforeEach(async () => {
  world = await startWorld()
})
afterEach(() => world.close())

const port = () => world.agent.port

/** Subscribed under its own id, with a task `t`. */
async function loudExecutor() {
  const executor = {
    type: 'CUSTOM' as const,
    executor_id: { value: 'e' },
    framework_id: { value: 'f' },
    command: { value: 'sleep 1000' },
  }
  world.controlPlane.want([{ ...wanted('t', ''), executor }])
  await until(() => world.agent.acting.state.executors.get('f/e')?.stage === 'registering')
  const subscription = await subscribe(port(), 'e')
  await eventOf(subscription, 'LAUNCH')
  return subscription
}

const message = (data: string) => callOf('e', { type: 'MESSAGE', message: { data } })
const base64 = (bytes: number) => 'A'.repeat(Math.floor(bytes / 4) * 4)

describe('A10: an executor’s update or message that is too large', () => {
  test('is 413 with a sentence, and the agent goes on', async () => {
    await loudExecutor()
    const large = [
      { data: base64(MAX_STATUS_BYTES) },
      { message: 'x'.repeat(MAX_STATUS_BYTES) },
      { labels: { labels: Array.from({ length: 20_000 }, () => ({ key: 'k' })) } },
      { data: base64(3_000_000) },
    ]
    for (const more of large) {
      const answer = await post(port(), updateOf('e', 't', 'TASK_RUNNING', more))
      expect(answer).toMatchObject({ status: 413, text: expect.stringContaining('sandbox') })
    }
    for (const bytes of [MAX_MESSAGE_BYTES + 4, 5_000_000])
      expect((await post(port(), message(base64(bytes)))).status).toBe(413)
    expect((await post(port(), updateOf('e', 't', 'TASK_RUNNING', { message: 'fine' }))).status).toBe(202)
    await until(() => world.controlPlane.states('t').length === 1)
    expect(world.controlPlane.messages).toEqual([])
  })

  test('is not let in with a subscription either', async () => {
    const executor = await loudExecutor()
    executor.close()
    const status = {
      task_id: { value: 't' },
      state: 'TASK_RUNNING' as const,
      source: 'SOURCE_EXECUTOR' as const,
      uuid: uuid(),
      data: base64(MAX_STATUS_BYTES),
    }
    const again = callOf('e', { type: 'SUBSCRIBE', subscribe: { unacknowledged_updates: [{ status }] } })
    expect((await post(port(), again)).status).toBe(413)
    expect(world.agent.acting.state.tasks.get('f/t')?.pending).toEqual([])
  })

  test('what is no call at all is refused, however deep', async () => {
    const bombs = [`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, '[1]', '']
    for (const body of bombs) expect((await post(port(), body)).status).toBeGreaterThanOrEqual(400)
    expect((await post(port(), callOf('e', { type: 'HEARTBEAT' }))).status).toBe(202)
  })
})

test('A10: whatever waits while the control plane is away, each call is one that it takes', async () => {
  await loudExecutor()
  const { controlPlane } = world
  controlPlane.away = true
  for (let at = 0; at < 30; at++) await post(port(), message(base64(MAX_MESSAGE_BYTES - 4)))
  for (let at = 0; at < 700; at++) await post(port(), message('AAAA'))
  for (let at = 0; at < 60; at++) {
    const data = base64(MAX_STATUS_BYTES - 2_000)
    expect((await post(port(), updateOf('e', 't', 'TASK_RUNNING', { data }))).status).toBe(202)
  }
  // Six hundred executors that ended meanwhile.
  world.agent.acting.state.exits.push(
    ...Array.from({ length: 600 }, (_, index) => ({
      frameworkId: 'f',
      executorId: `gone-${index}`,
      containerId: `c${index}`,
      status: 9,
    })),
  )
  const before = controlPlane.calls.length
  controlPlane.away = false
  await until(() => controlPlane.messages.filter(({ data }) => data === 'AAAA').length === 700, 30_000)
  await until(() => controlPlane.exits.length === 600 && controlPlane.states('t').length === 60, 30_000)
  const isUpdates = (call: AgentCall) => call.type === 'UPDATES'
  for (const call of controlPlane.calls.slice(before).filter(isUpdates)) {
    const body = Buffer.from(writeJson(call))
    expect(body.length).toBeLessThan(MAX_BODY_BYTES)
    expect(readCall(body)).toHaveProperty('call')
  }
})
