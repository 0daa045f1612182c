// On which machine an agent is: by AWS's word where calls are signed, by its own on emulators; and nowhere else later.
import { describe, expect, test } from 'vitest'
import { answerCall } from '../../../functions/agents/handler.ts'
import { identified, instanceOf } from '../../../functions/agents/identity.ts'
import { heartbeats } from '../../../functions/heartbeats/handler.ts'
import type { AgentCall, RegisterCall } from '../../../protocol/agent-messages.ts'
import { EMPTY_DIGEST } from '../../../protocol/digest.ts'
import { type World, world } from './world.ts'

const A = 'i-0123456789abcdef0'
const B = 'i-0123456789abcdef1'

function registration(instanceId?: string): RegisterCall {
  return {
    type: 'REGISTER',
    bootNonce: 'boot',
    agentInfo: { hostname: 'node', resources: [] },
    address: { ip: '10.0.0.1', port: 5051 },
    version: '0.1.0',
    capabilities: [],
    ...(instanceId === undefined ? {} : { instanceId }),
    applied: 0,
    sums: {},
    page: 0,
    pages: 1,
    tasks: [],
    executors: [],
    frameworks: [],
  }
}

async function ask(w: World, call: AgentCall, caller?: string) {
  const answer = await answerCall(w.env, {
    method: 'POST',
    path: '/api/v1/agent',
    query: new URLSearchParams(),
    headers: {},
    body: Buffer.from(JSON.stringify(call)),
    params: {},
    caller,
  })
  return { status: answer.status, text: String(answer.body) }
}

async function instances(w: World, instanceId: string) {
  return (await w.store.query('instance', { instanceId })).found.map(({ item }) => item.agentId)
}

describe('the signer of a call', () => {
  test.each([
    ['the user id of a session', `AROAEXAMPLEROLEID:${A}`, A],
    ['the ARN of a session', `arn:aws:sts::111122223333:assumed-role/agents/${A}`, A],
    ['a person', 'AIDAEXAMPLE', undefined],
    ['a function', 'AROAEXAMPLE:meseta-operator', undefined],
    ['a session named alike', `AROAEXAMPLE:x${A}`, undefined],
    ['nobody', undefined, undefined],
  ])('%s', (_, caller, instance) => {
    expect(instanceOf(caller)).toBe(instance)
  })

  test('A6 R16 is believed, and what the call says is not', async () => {
    const w = await world({ settings: { agentIdentity: 'signed' } })
    const { status, text } = await ask(w, registration(B), `AROAEXAMPLE:${A}`)
    expect(status).toBe(200)
    const { agentId } = JSON.parse(text)
    expect((await w.store.get('ledger', { agentId }))?.instanceId).toBe(A)
    expect(await instances(w, A)).toEqual([agentId])
    expect(await instances(w, B)).toEqual([])
  })

  test('A6 who is no instance cannot register as one', async () => {
    const w = await world({ settings: { agentIdentity: 'signed' } })
    for (const caller of [undefined, 'AIDAEXAMPLE', 'AROAEXAMPLE:meseta-operator']) {
      expect(await ask(w, registration(A), caller)).toMatchObject({ status: 403 })
    }
    expect(await instances(w, A)).toEqual([])
  })

  test('A6 R16 other calls of another machine change nothing, though they know id and incarnation', async () => {
    const w = await world({ settings: { agentIdentity: 'signed' } })
    const registered = JSON.parse((await ask(w, registration(), `AROAEXAMPLE:${A}`)).text)
    const { agentId, incarnation } = registered
    const who = { agentId, incarnation }
    const calls: readonly AgentCall[] = [
      { type: 'SYNC', ...who, applied: 0 },
      { type: 'UPDATES', ...who, applied: 0, updates: [], exits: [], messages: [] },
      { type: 'UNREGISTER', ...who },
    ]
    for (const call of calls) {
      const { status, text } = await ask(w, call, `AROAEXAMPLE:${B}`)
      expect(status).toBe(200)
      if (call.type !== 'UNREGISTER') expect(JSON.parse(text)).toMatchObject({ kind: 'shutdown' })
      expect(await ask(w, call)).toMatchObject({ status: 403 })
    }
    expect((await w.store.get('ledger', { agentId }))?.life).toBe('active')
    expect(JSON.parse((await ask(w, calls[0] ?? registration(), `AROAEXAMPLE:${A}`)).text).kind).toBe(
      'wanted',
    )
  })

  test('A6 A9 beats count from the agent’s own machine only, canaries and calls passed on from none', async () => {
    const w = await world({ settings: { agentIdentity: 'signed' } })
    const { agentId, incarnation } = JSON.parse((await ask(w, registration(), `AROAEXAMPLE:${A}`)).text)
    let last = 0
    // As an event source mapping hands it over: SenderId is the role and its session.
    const hear = async (content: object, senderId: string) => {
      const body = JSON.stringify(content)
      const sentAt = w.clock.now() + ++last
      await heartbeats(w.env, [{ id: String(last), body, sentAt, group: '0', senderId, receiveCount: 1 }])
      return await w.store.get('beats', { shard: 0 })
    }
    const beat = { kind: 'beat', agentId, incarnation, number: 1, applied: 0, digest: EMPTY_DIGEST }
    expect((await hear(beat, `AROAEXAMPLE:${B}`))?.agents[agentId]).toBeUndefined()
    expect((await hear(beat, 'AROAFUNCTION:meseta-agents'))?.agents[agentId]).toBeUndefined()
    expect((await hear(beat, `AROAEXAMPLE:${A}`))?.agents[agentId]?.number).toBe(1)
    const canary = { kind: 'canary', shard: 0, number: 7 }
    expect((await hear(canary, `AROAEXAMPLE:${A}`))?.canary.number).not.toBe(7)
    expect((await hear(canary, 'AROAFUNCTION:meseta-detector'))?.canary.number).toBe(7)
    const before = (await w.store.get('beats', { shard: 0 }))?.agents[agentId]?.stamp ?? 0
    const call = { kind: 'call', agentId, incarnation }
    expect((await hear(call, `AROAEXAMPLE:${B}`))?.agents[agentId]?.stamp).toBe(before)
    expect((await hear(call, 'AROAFUNCTION:meseta-agents'))?.agents[agentId]?.stamp).toBeGreaterThan(before)
  })

  test('on emulators the call is believed, if it names an instance as EC2 does', async () => {
    const w = await world()
    expect(identified(w.env, registration(A), {})).toMatchObject({ instanceId: A })
    expect(identified(w.env, registration('my laptop'), {})).not.toHaveProperty('instanceId')
    expect(identified(w.env, registration(), {})).not.toHaveProperty('instanceId')
  })
})

describe('the machine of an agent', () => {
  test('F16 is its machine for good: its disk in another one is refused, also after a loss', async () => {
    const w = await world()
    const agent = await w.agent({ instanceId: A })
    agent.reboot()
    expect(await agent.register({ instanceId: B })).toMatchObject({ kind: 'shutdown' })
    agent.isUp = false
    await w.run(14_000)
    expect(await agent.register({ instanceId: B })).toMatchObject({ kind: 'shutdown' })
    expect(await agent.register()).toMatchObject({ kind: 'registered', agentId: agent.id })
    expect(await instances(w, B)).toEqual([])
  })

  test('becomes known to an agent of the release before, which named none', async () => {
    const w = await world()
    const agent = await w.agent()
    expect((await agent.ledger()).instanceId).toBeUndefined()
    agent.reboot()
    expect(await agent.register({ instanceId: A })).toMatchObject({ kind: 'registered', agentId: agent.id })
    expect((await agent.ledger()).instanceId).toBe(A)
    expect(await instances(w, A)).toEqual([agent.id])
    // The metadata service may be away at a start: what was known stays known.
    agent.reboot()
    expect(await agent.register()).toMatchObject({ kind: 'registered' })
    expect((await agent.ledger()).instanceId).toBe(A)
  })

  test('F18 is forgotten with the agent', async () => {
    const w = await world()
    const agent = await w.agent({ instanceId: A })
    agent.isUp = false
    await w.run(14_000)
    w.clock.move(14 * 24 * 3_600_000)
    await w.run(2_000)
    expect(await instances(w, A)).toEqual([])
  })
})
