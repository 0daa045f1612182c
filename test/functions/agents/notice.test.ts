// NOTICE: the machine's own word of its end, beside EventBridge's; in any order, from the agent's own machine only.
import { describe, expect, test } from 'vitest'
import { answerCall } from '../../../functions/agents/handler.ts'
import { takeNotice } from '../../../functions/agents/notice.ts'
import { instanceEvents } from '../../../functions/instance-events/handler.ts'
import { memoryEc2 } from '../../../functions/ports/ec2-memory.ts'
import type { Settings } from '../../../master/settings.ts'
import { NOTICES } from '../../../master/settings.ts'
import type { Notice } from '../../../protocol/agent-messages.ts'
import { rebalance, spotWarning, terminateHook } from '../instance-events/recorded.ts'
import { world } from './world.ts'

async function machine(settings: Partial<Settings> = {}) {
  const ec2 = memoryEc2()
  const w = await world({ ec2, settings })
  const framework = await w.framework()
  const instanceId = ec2.run()
  const agent = await w.agent({ instanceId })
  await agent.launch(framework, ['t1'])
  await agent.update('t1', 'TASK_RUNNING')
  const call = (notice: Notice) => ({
    type: 'NOTICE' as const,
    agentId: agent.id,
    incarnation: agent.incarnation,
    notice,
  })
  return {
    w,
    agent,
    instanceId,
    call,
    tell: (notice: Notice) => takeNotice(w.env, call(notice)),
    /** As its agent or somebody else would post it. */
    async post(body: object, caller?: string) {
      const answer = await answerCall(w.env, {
        method: 'POST',
        path: '/api/v1/agent',
        query: new URLSearchParams(),
        headers: {},
        body: Buffer.from(JSON.stringify(body)),
        params: {},
        caller,
      })
      return { status: answer.status, text: String(answer.body) }
    },
    async event(body: string) {
      const message = { id: '1', body, sentAt: w.clock.now(), receiveCount: 1 }
      expect(await instanceEvents(w.env, [message])).toEqual([])
    },
    spot: (agoMs = 0): Notice => ({ kind: 'spot', at: w.clock.now() - agoMs }),
    warning: () => spotWarning(instanceId, new Date(w.clock.now()).toISOString()),
  }
}

describe('F82 the agent’s word', () => {
  test('of a Spot notice drains within what is left of it', async () => {
    const m = await machine()
    expect(await m.tell(m.spot(10_000))).toEqual({ kind: 'noticed' })
    const { drain, deactivated } = await m.agent.ledger()
    expect(deactivated).toBe(true)
    expect(drain).toMatchObject({
      state: 'DRAINING',
      markGone: false,
      maxGraceMs: NOTICES.spotGraceMs - 10_000,
    })
    expect(await m.agent.sync()).toMatchObject({ tasks: [{ taskId: 't1', wanted: 'stop' }] })
    await m.w.check()
  })

  test.each(['before', 'after'])('and EventBridge’s %s it are one drain', async (order) => {
    const m = await machine()
    const ways = [() => m.tell(m.spot()), () => m.event(m.warning())]
    for (const way of order === 'before' ? ways.toReversed() : ways) {
      await way()
      await way()
    }
    expect((await m.agent.ledger()).drain).toMatchObject({ asked: 1, maxGraceMs: NOTICES.spotGraceMs })
  })

  test('of Auto Scaling’s end drains; its hook is noted when the event comes', async () => {
    const m = await machine()
    await m.tell({ kind: 'hook' })
    expect((await m.agent.ledger()).lifecycle).toBeUndefined()
    await m.event(terminateHook(m.instanceId))
    expect(await m.agent.ledger()).toMatchObject({
      drain: { asked: 1, maxGraceMs: NOTICES.drainGraceMs },
      lifecycle: { hook: expect.any(String) },
    })
  })

  test('of a rebalance recommendation is heard, and drains only where the setting says so', async () => {
    const off = await machine()
    expect(await off.tell({ kind: 'rebalance' })).toEqual({ kind: 'noticed' })
    expect((await off.agent.ledger()).drain).toBeUndefined()
    const on = await machine({ notices: { ...NOTICES, drainsOnRebalance: true } })
    await on.tell({ kind: 'rebalance' })
    await on.event(rebalance(on.instanceId))
    expect((await on.agent.ledger()).drain).toMatchObject({ asked: 1, maxGraceMs: NOTICES.drainGraceMs })
  })

  test('a clock of the machine that is ahead makes the grace no longer than it is', async () => {
    const m = await machine()
    await m.tell(m.spot(-3_600_000))
    expect((await m.agent.ledger()).drain?.maxGraceMs).toBe(NOTICES.spotGraceMs)
  })
})

describe('who may say it', () => {
  test('A6 R16 the machine itself: another one is told to stop, nobody else is let in, and nothing is drained', async () => {
    const m = await machine({ agentIdentity: 'signed' })
    const call = m.call(m.spot())
    const other = await m.post(call, 'AROAEXAMPLE:i-0fffffffffffffff0')
    expect(JSON.parse(other.text)).toMatchObject({ kind: 'shutdown' })
    expect(await m.post(call)).toMatchObject({ status: 403 })
    expect(await m.post(call, 'AROAFUNCTION:meseta-operator')).toMatchObject({ status: 403 })
    expect((await m.agent.ledger()).drain).toBeUndefined()
    const own = await m.post(call, `AROAEXAMPLE:${m.instanceId}`)
    expect(JSON.parse(own.text)).toEqual({ kind: 'noticed' })
    expect((await m.agent.ledger()).drain).toBeDefined()
  })

  test('an earlier incarnation registers first', async () => {
    const m = await machine()
    const old = m.call(m.spot())
    m.agent.reboot()
    await m.agent.register()
    expect(await takeNotice(m.w.env, old)).toEqual({ kind: 'register-again' })
    expect((await m.agent.ledger()).drain).toBeUndefined()
  })

  test('an unknown agent registers', async () => {
    const m = await machine()
    expect(await takeNotice(m.w.env, { ...m.call(m.spot()), agentId: 'test-Snobody' })).toEqual({
      kind: 'register-again',
    })
  })

  test.each([
    [{ kind: 'meteor' }, 'notice.kind'],
    [{ kind: 'spot' }, 'notice.at'],
    [{ kind: 'spot', at: -1 }, 'notice.at'],
    ['soon', 'notice'],
  ])('A10 what is no notice is refused: %j', async (notice, field) => {
    const m = await machine()
    const { status, text } = await m.post({ ...m.call(m.spot()), notice })
    expect(status).toBe(400)
    expect(text).toContain(`'${field}'`)
  })
})
