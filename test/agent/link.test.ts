// The standing with the control plane: handing in, backing off, coming back, lists in pages; time is moved.
import { afterEach, describe, expect, test } from 'vitest'
import { type Acting, startActing } from '../../agent/acting.ts'
import { type Link, startLink } from '../../agent/link.ts'
import { emptyState } from '../../agent/state.ts'
import { MAX_UPDATES_PER_CALL } from '../../agent/status-updates.ts'
import type { AgentCall, SyncAnswer, UpdatesAnswer } from '../../protocol/agent-messages.ts'
import { type MovedClock, movedClock } from '../moved-clock.ts'
import { until } from './agent-process.ts'
import { FakeControlPlane } from './control-plane-fake.ts'
import { framework, wanted } from './tasks.ts'

const QUIET = { info() {}, warn() {}, error: console.error }

interface Standing {
  readonly clock: MovedClock
  readonly controlPlane: Scripted
  readonly acting: Acting
  readonly link: Link
  readonly shutdowns: string[]
}

/** Answers as told where a test has something to say, else like the real one. */
class Scripted extends FakeControlPlane {
  next: ((call: AgentCall) => unknown) | undefined
  override async call(call: AgentCall): Promise<never> {
    const scripted = this.next?.(call)
    if (scripted !== undefined) this.calls.push(call)
    return (scripted ?? (await super.call(call))) as never
  }
}

let standing: Standing
afterEach(() => {
  standing.link.stop()
  standing.acting.stop()
  standing.clock.stop()
})

describe('handing in', () => {
  test('updates of many tasks travel in calls of at most 30, in order per task, one call at a time', async () => {
    standing = await registered()
    const { controlPlane, acting } = standing
    let inFlight = 0
    let most = 0
    const real = controlPlane.call.bind(controlPlane)
    controlPlane.call = async (call) => {
      most = Math.max(most, ++inFlight)
      await new Promise((resolve) => setTimeout(resolve, 5))
      inFlight -= 1
      return await real(call)
    }
    controlPlane.want(Array.from({ length: 40 }, (_, index) => wanted(`t${index}`, 'true')))
    await until(() => acting.state.tasks.size === 40)
    for (const task of [...acting.state.tasks.values()]) {
      const containerId = task.containerId.value
      void acting.submit({ input: 'container-launched', containerId, pid: 1 })
      void acting.submit({ input: 'container-ended', containerId, end: { kind: 'exit', value: 0 } })
    }
    await until(() => acting.state.tasks.size === 0)
    expect(most).toBe(1)
    const calls = controlPlane.calls.filter((call) => call.type === 'UPDATES')
    expect(Math.max(...calls.map((call) => call.updates.length))).toBeLessThanOrEqual(MAX_UPDATES_PER_CALL)
    for (let index = 0; index < 40; index++) {
      expect(controlPlane.states(`t${index}`)).toEqual(['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED'])
    }
  })

  test('what is not taken yet comes again later, with the same uuid, and does not hold up other tasks', async () => {
    standing = await registered()
    const { controlPlane, clock } = standing
    controlPlane.next = (call) => {
      if (call.type !== 'UPDATES' || !call.updates.some((update) => update.taskId === 'slow'))
        return undefined
      const results = call.updates.map(() => 'not-yet' as const)
      return { kind: 'answered', results, generation: controlPlane.generation } satisfies UpdatesAnswer
    }
    await launched('slow')
    await until(() => controlPlane.calls.some((call) => call.type === 'UPDATES'))
    const first = updatesCalls()[0]?.updates[0]?.status.uuid
    await launched('quick')
    await until(() => controlPlane.states('quick').length === 2)
    controlPlane.next = undefined
    await clock.advance(500)
    await until(() => controlPlane.states('slow').length === 2)
    expect(controlPlane.updates.find((one) => one.taskId === 'slow')?.status.uuid).toBe(first)
  })

  test('F66: while the control plane is away updates are kept, and handed in when it is back', async () => {
    standing = await registered()
    const { controlPlane, clock } = standing
    controlPlane.away = true
    const task = wanted('t', 'true')
    await standing.acting.submit({
      input: 'list',
      incarnation: controlPlane.incarnation,
      list: {
        kind: 'wanted',
        generation: 1,
        tasks: [{ ...task, launchIncarnation: 1, launchGeneration: 1 }],
        frameworks: [framework()],
        endExecutors: [],
      },
    })
    await standing.acting.submit({ input: 'container-launched', containerId: containerOf('t'), pid: 1 })
    await clock.advance(60_000, { stepMs: 2_000 })
    expect(standing.acting.state.tasks.get('f/t')?.pending).toHaveLength(2)
    controlPlane.away = false
    await clock.advance(30_000, { stepMs: 1_000 })
    await until(() => controlPlane.states('t').length === 2)
  })
})

describe('registration', () => {
  test('is tried again with growing delays until it is answered', async () => {
    standing = start()
    const { controlPlane, clock } = standing
    let tries = 0
    controlPlane.next = () => {
      tries += 1
      if (tries < 6) throw new Error('away')
      return undefined
    }
    await clock.advance(200_000, { stepMs: 1_000 })
    await until(() => standing.acting.state.phase === 'running')
    expect(tries).toBeGreaterThanOrEqual(6)
  })

  test('F1: of an agent that beats it is tried again within two beats, however often it failed', async () => {
    standing = await registered()
    const { controlPlane, clock, link } = standing
    const tries: number[] = []
    controlPlane.next = (call) => {
      if (call.type !== 'REGISTER') return undefined
      tries.push(clock.now())
      throw new Error('the answer is lost')
    }
    link.registerAgain()
    await clock.advance(60_000, { stepMs: 100 })
    const gaps = tries.slice(1).map((at, index) => at - (tries[index] ?? 0))
    expect(gaps.length).toBeGreaterThan(20)
    expect(Math.max(...gaps)).toBeLessThanOrEqual(2_200)
  })

  test('F24: not-yet is waited for', async () => {
    standing = start()
    const { controlPlane, clock } = standing
    let asked = 0
    controlPlane.next = (call) => {
      if (call.type !== 'REGISTER' || asked++ > 0) return undefined
      return { kind: 'not-yet', retryAfterMs: 1_000 }
    }
    await clock.advance(900)
    expect(standing.acting.state.phase).toBe('registering')
    await clock.advance(300)
    await until(() => standing.acting.state.phase === 'running')
  })

  test('F13, F16: a shutdown ends the agent', async () => {
    standing = start()
    standing.controlPlane.next = (call) =>
      call.type === 'REGISTER' ? { kind: 'shutdown', why: 'gone' } : undefined
    await until(() => standing.shutdowns.length === 1)
    expect(standing.shutdowns).toEqual(['gone'])
  })

  test('is made again when an answer says so, and the boot nonce stays the same', async () => {
    standing = await registered()
    const { controlPlane, clock } = standing
    let once = true
    controlPlane.next = (call) => {
      if (call.type !== 'UPDATES' || !once) return undefined
      once = false
      return { kind: 'register-again' }
    }
    await launched('t')
    await clock.advance(3_000)
    await until(() => controlPlane.registrations.length === 2)
    const [first, second] = controlPlane.registrations
    expect(second?.bootNonce).toBe(first?.bootNonce)
    expect(second?.tasks).toMatchObject([{ taskId: 't', lastUpdate: 2 }])
    expect(second?.sums).toEqual({
      f: { '*': expect.arrayContaining([expect.objectContaining({ name: 'cpus' })]) },
    })
    await clock.advance(1_000)
    await until(() => controlPlane.states('t').length === 2)
  })

  test('S1 lists what has ended and is not acknowledged, and charges nothing for it', async () => {
    standing = await registered()
    const { controlPlane, acting, link } = standing
    await launched('t')
    controlPlane.next = (call) =>
      call.type === 'UPDATES' ? { kind: 'not-yet', retryAfterMs: 600_000 } : undefined
    await acting.submit({
      input: 'container-ended',
      containerId: containerOf('t'),
      end: { kind: 'exit', value: 0 },
    })
    link.registerAgain()
    await standing.clock.advance(2_000)
    await until(() => controlPlane.registrations.length === 2)
    const [, second] = controlPlane.registrations
    expect(second?.tasks).toMatchObject([{ taskId: 't', state: 'TASK_FINISHED' }])
    expect(second?.sums).toEqual({})
  })

  test('is made again after the silence the answer named', async () => {
    standing = await registered()
    const { controlPlane, clock } = standing
    controlPlane.away = true
    await clock.advance(70_000, { stepMs: 1_000 })
    controlPlane.away = false
    await clock.advance(70_000, { stepMs: 1_000 })
    expect(controlPlane.registrations.length).toBeGreaterThanOrEqual(2)
  })
})

describe('a list in pages', () => {
  test('is acted on only when all pages carry one generation', async () => {
    standing = await registered()
    const { controlPlane, acting } = standing
    const task = (id: string, launchGeneration: number) => ({
      ...wanted(id, 'true'),
      launchIncarnation: 1,
      launchGeneration,
    })
    const page = (generation: number, id: string, next?: string): SyncAnswer => ({
      kind: 'wanted',
      generation,
      tasks: [task(id, 1)],
      frameworks: [framework()],
      endExecutors: [],
      ...(next === undefined ? {} : { next }),
    })
    const answers: SyncAnswer[] = [page(1, 'a', 'p2'), page(2, 'b'), page(2, 'a', 'p2'), page(2, 'b')]
    controlPlane.next = (call) => (call.type === 'SYNC' ? answers.shift() : undefined)
    standing.link.sync()
    await until(() => answers.length === 0 && acting.state.applied === 2)
    expect([...acting.state.tasks.keys()]).toEqual(['f/a', 'f/b'])
  })

  test('not-yet is waited for', async () => {
    standing = await registered()
    const { controlPlane, acting, clock } = standing
    controlPlane.want([wanted('t', 'true')], { lose: true })
    const answers: SyncAnswer[] = [{ kind: 'not-yet', retryAfterMs: 500 }]
    controlPlane.next = (call) => (call.type === 'SYNC' ? answers.shift() : undefined)
    standing.link.sync()
    await clock.advance(1_000)
    await until(() => acting.state.applied === 1)
  })

  test('a lag seen in the answer to updates is fetched', async () => {
    standing = await registered()
    const { controlPlane, acting } = standing
    controlPlane.want([wanted('lost', 'true')], { lose: true })
    standing.link.reporter.call()
    await until(() => acting.state.tasks.has('f/lost'))
  })
})

test('a nudge to call is answered by a call', async () => {
  standing = await registered()
  const before = updatesCalls().length
  standing.controlPlane.nudge({ kind: 'call' })
  await until(() => updatesCalls().length === before + 1)
})

test('queues that were away are asked again within a second, however long they were away', async () => {
  standing = await registered()
  const { controlPlane, clock, acting } = standing
  let asked = 0
  const real = controlPlane.receive.bind(controlPlane)
  controlPlane.receive = async () => {
    asked += 1
    throw new Error('the queues are away')
  }
  // Wakes the one that waits; the next one fails.
  controlPlane.nudge({ kind: 'call' })
  await clock.advance(30_000)
  asked = 0
  await clock.advance(5_000)
  expect(asked).toBeGreaterThanOrEqual(5)
  controlPlane.receive = real
  controlPlane.want([wanted('t', 'true')])
  await clock.advance(1_000)
  await until(() => acting.state.tasks.has('f/t'))
})

test('beats follow at the interval and grow in number', async () => {
  standing = await registered()
  await standing.clock.advance(3_500, { stepMs: 250 })
  const numbers = standing.controlPlane.beats.map((beat) => beat.number)
  expect(numbers.length).toBeGreaterThanOrEqual(4)
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
  expect(new Set(numbers).size).toBe(numbers.length)
})

function start(): Standing {
  const clock = movedClock()
  const controlPlane = new Scripted()
  controlPlane.frameworks = [framework()]
  const state = emptyState()
  state.phase = 'registering'
  const shutdowns: string[] = []
  const acting = startActing({
    clock,
    state,
    ip: '127.0.0.1',
    agentInfo: () => ({ hostname: 'h' }),
    write: () => {},
    act: (action) => {
      if (action.action === 'report') link.reporter.wake()
      else if (action.action === 'call') link.reporter.call()
      else if (action.action === 'sync') link.sync()
      else if (action.action === 'register') link.registerAgain()
    },
    onFailure: (error) => {
      throw error
    },
  })
  const link: Link = startLink({
    clock,
    acting,
    controlPlane,
    log: QUIET,
    random: () => 0.5,
    bootNonce: 'boot',
    about: { agentInfo: { hostname: 'h' }, address: { ip: '127.0.0.1', port: 1 } },
    onRegistered: () => {},
    onShutdown: (why) => shutdowns.push(why),
  })
  return { clock, controlPlane, acting, link, shutdowns }
}

async function registered(): Promise<Standing> {
  const started = start()
  await until(() => started.acting.state.phase === 'running')
  await until(() => started.controlPlane.calls.some((call) => call.type === 'SYNC'))
  return started
}

async function launched(taskId: string): Promise<void> {
  const { controlPlane, acting } = standing
  controlPlane.want([wanted(taskId, 'true')])
  await until(() => acting.state.tasks.has(`f/${taskId}`))
  await acting.submit({ input: 'container-launched', containerId: containerOf(taskId), pid: 1 })
}

function containerOf(taskId: string): string {
  return standing.acting.state.tasks.get(`f/${taskId}`)?.containerId.value ?? ''
}

function updatesCalls(): Extract<AgentCall, { type: 'UPDATES' }>[] {
  return standing.controlPlane.calls.filter((call) => call.type === 'UPDATES')
}
