// The notifier against everything that may happen to it: it dies between calls, runs twice, sleeps, is taken over.
import { afterEach, describe, expect, test } from 'vitest'
import type { Environment } from '../../../functions/environment.ts'
import { notify } from '../../../functions/notifier/handler.ts'
import { TURN_MS } from '../../../functions/notifier/turn.ts'
import { deadLettersOf } from '../../../functions/ports/dead-letters.ts'
import type { MessageSource } from '../../../functions/ports/message-source.ts'
import type { Outlets, Parcel, Sent } from '../../../functions/ports/outlets.ts'
import type { Change } from '../../../master/decision.ts'
import { noticeMail, offerMail, updateMail, withdrawnMail, wordMail } from '../../../master/mail.ts'
import type { Framework, Lease } from '../../../master/model.ts'
import type { Offer, SchedulerEvent, TaskState } from '../../../protocol/messages.ts'
import { type Fate, mortal } from '../mortal.ts'
import { aclsOf } from '../operator/asking.ts'
import { startWorld, type World } from '../scheduler/world.ts'
import { labels, type Session, subscribeDelivered } from './hook.ts'

let world: World

afterEach(() => world.close())

interface Told {
  readonly id: string
  readonly number: number
  readonly streamId: string
  readonly event: SchedulerEvent
}

/** Takes everything, unless told otherwise. */
function recording() {
  const told: Told[] = []
  const outlets: Outlets & { told: Told[]; answer: ((parcel: Parcel) => Promise<Sent> | Sent) | undefined } =
    {
      told,
      answer: undefined,
      refusal: async () => undefined,
      async send(parcel) {
        const sent = (await outlets.answer?.(parcel)) ?? { taken: parcel.letters, refused: [] }
        const { number, streamId } = parcel
        for (const { id, event } of sent.taken)
          told.push({ id, number, streamId, event: JSON.parse(event) as SchedulerEvent })
        return sent
      },
    }
  return outlets
}

const NUDGE = { id: 'n', body: '{}', sentAt: 0, receiveCount: 1 }

async function subscribed(): Promise<Session> {
  world = await startWorld({ settings: { deliverToLoopback: true } })
  return await again()
}

function again(): Promise<Session> {
  const master = world.url.slice(0, world.url.indexOf('/api'))
  const info = { id: { value: 'f' }, ...labels('webhook', 'http://127.0.0.1:9/') }
  return subscribeDelivered(master, info)
}

async function framework(): Promise<Framework> {
  const found = await world.env.store.get('framework', { frameworkId: 'f' })
  if (found === undefined) throw new Error('no framework')
  return found
}

async function lease(): Promise<Lease | undefined> {
  return await world.env.store.get('lease', { frameworkId: 'f' })
}

/** Writes mail as decisions do. */
async function write(...changes: ((of: Framework) => Change)[]): Promise<void> {
  const of = await framework()
  await world.env.store.commit(
    changes.map((change) => change(of)),
    world.env.ids.uuid(),
  )
}

const context = () => ({ now: world.clock.now(), newId: () => world.env.ids.random() })
const status = (taskId: string, state: TaskState, uuid?: string) => ({
  task_id: { value: taskId },
  agent_id: { value: 'a' },
  state,
  ...(uuid === undefined ? {} : { uuid }),
})
const update =
  (taskId: string, state: TaskState, number = 1) =>
  (of: Framework) =>
    updateMail(of, taskId, { number, status: status(taskId, state, 'AAAAAAAAAAAAAAAAAAAAAA==') }, context())
const word = (taskId: string, state: TaskState) => (of: Framework) =>
  wordMail(of, status(taskId, state), context())
const offer = (id: string) => (of: Framework) => {
  // The fields that reading one needs.
  const made = {
    id: { value: id },
    framework_id: { value: 'f' },
    agent_id: { value: 'a' },
    hostname: 'h',
  } as Offer
  return offerMail(of, made, context())
}
const rescind = (id: string) => (of: Framework) => withdrawnMail(of, id, context())
const message = (data: string) => (of: Framework) =>
  noticeMail(
    of,
    { type: 'MESSAGE', message: { agent_id: { value: 'a' }, executor_id: { value: 'e' }, data } },
    context(),
  )

const mailbox = async () =>
  (await world.env.store.query('mail', { frameworkId: 'f', shard: 0 })).found.map(({ item }) => item)
const run = (outlets: Outlets, env: Environment = world.env) => notify({ ...env, outlets }, [NUDGE])

function summary({ event }: Told): string {
  const about = event.update?.status ?? event.rescind?.offer_id ?? event.offers?.offers?.[0]?.id
  return about === undefined
    ? String(event.type)
    : 'state' in about
      ? `${about.task_id.value} ${about.state}`
      : `${event.type} ${about.value}`
}

describe('what is told', () => {
  test('R3, R19: said once; updates stay with a mark until acknowledged, words until a call, all else goes', async () => {
    await subscribed()
    const outlets = recording()
    await write(update('t', 'TASK_RUNNING'), word('w', 'TASK_LOST'), offer('o'), message('aGk='))
    await run(outlets)
    await run(outlets)
    expect(outlets.told.map(summary).sort()).toEqual(['MESSAGE', 'OFFERS o', 't TASK_RUNNING', 'w TASK_LOST'])
    expect((await mailbox()).map(({ key, told }) => [key, told?.times])).toEqual([
      ['UPDATE#t', 1],
      ['WORD#w', 1],
    ])
    expect(new Set(outlets.told.map(({ id }) => id)).size).toBe(4)
  })

  test('A26: nothing more once the principal may not use its roles; the session ends with its lease', async () => {
    const acls = { ...aclsOf({}) }
    world = await startWorld({ settings: { deliverToLoopback: true, acls } })
    await again()
    const outlets = recording()
    await write(message('YQ=='))
    await run(outlets)
    expect(outlets.told).toHaveLength(1)
    const before = await lease()
    Object.assign(acls, aclsOf({ permissive: false }))
    await write(message('Yg=='))
    await world.clock.advance(60_000, { stepMs: 5_000, settleMs: 1 })
    await run(outlets)
    expect(outlets.told).toHaveLength(1)
    expect(await lease()).toEqual(before)
  })

  test('R19: a RESCIND is told also of an offer that never was', async () => {
    await subscribed()
    const outlets = recording()
    await write(rescind('unknown'))
    await run(outlets)
    await run(outlets)
    expect(outlets.told.map(summary)).toEqual(['RESCIND unknown'])
  })

  test('the newest word of a task comes behind its older update, also when the update is said again', async () => {
    await subscribed()
    const outlets = recording()
    await write(update('t', 'TASK_RUNNING'))
    await world.clock.advance(1_000)
    await write(word('t', 'TASK_UNREACHABLE'))
    await run(outlets)
    await world.clock.advance(15_000)
    await run(outlets)
    expect(outlets.told.map(summary)).toEqual([
      't TASK_RUNNING',
      't TASK_UNREACHABLE',
      't TASK_RUNNING',
      't TASK_UNREACHABLE',
    ])
    expect(new Set(outlets.told.map(({ id }) => id)).size).toBe(4)
  })

  test('C153: a lost agent is told once, and the place in LOSSES moves on', async () => {
    await subscribed()
    const outlets = recording()
    const now = world.clock.now()
    const when = { name: 'anything' } as const
    await world.env.store.commit(
      [
        { do: 'put', kind: 'lossHead', item: { version: 0, last: 1 }, when },
        { do: 'put', kind: 'loss', item: { version: 0, number: 1, agentId: 'a', at: now }, when },
      ],
      world.env.ids.uuid(),
    )
    await run(outlets)
    await run(outlets)
    expect(outlets.told.map(({ event }) => event.failure?.agent_id?.value)).toEqual(['a'])
    expect((await lease())?.lossesTold).toBe(1)
  })
})

describe('what may happen', () => {
  const STORY = ['t TASK_RUNNING', 'OFFERS o', 'u TASK_STARTING', 'w TASK_LOST']
  const begin = async () => {
    await subscribed()
    await write(update('t', 'TASK_RUNNING'), update('u', 'TASK_STARTING'), word('w', 'TASK_LOST'), offer('o'))
  }

  test('H11: it dies before or after any of its calls: all is told, and what is told twice has its id', async () => {
    let calls = Number.POSITIVE_INFINITY
    for (let call = 1; call <= calls; call++) {
      for (const kind of ['dies before', 'dies after'] as const) {
        await begin()
        const outlets = recording()
        const fate: Fate = { kind, call }
        const life = mortal(world.env, fate)
        await run(outlets, life.env)
        if (life.calls.length < call) calls = call
        await world.clock.advance(1_500)
        await run(outlets)
        // Whoever died in its turn is waited for.
        await world.clock.advance(TURN_MS, { stepMs: 5_000 })
        await run(outlets)
        const ids = new Map(outlets.told.map((one) => [one.id, summary(one)]))
        const seen = [...new Set(ids.values())].sort()
        // Updates were due again meanwhile; nothing else has a second id.
        const once = [...ids.values()].filter((said) => said === 'OFFERS o' || said === 'w TASK_LOST')
        expect(once, `${kind} ${call}`).toHaveLength(2)
        expect(seen, `${kind} ${call}`).toEqual([...STORY].sort())
        await world.close()
      }
    }
    expect(calls).toBeGreaterThan(6)
    await subscribed()
  })

  test('H15: two ticks at once tell everything once', async () => {
    await begin()
    const outlets = recording()
    outlets.answer = async (parcel) => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      return { taken: parcel.letters, refused: [] }
    }
    await Promise.all([run(outlets), run(outlets), run(outlets)])
    expect(outlets.told.map(summary).sort()).toEqual([...STORY].sort())
  })

  test('while a turn is under way others leave the framework alone, also when there is more to say', async () => {
    await begin()
    const outlets = recording()
    let parcels = 0
    let meanwhile: number | undefined
    outlets.answer = async ({ letters }) => {
      if (++parcels === 1) {
        await write(update('v', 'TASK_RUNNING'))
        await run(outlets)
        meanwhile = parcels - 1
      }
      return { taken: letters, refused: [] }
    }
    await run(outlets)
    expect(meanwhile).toBe(0)
    expect(outlets.told.map(summary).sort()).toEqual([...STORY, 'v TASK_RUNNING'].sort())
  })

  test('one that slept through its turn notes nothing: the next turn has told it under the same ids', async () => {
    await begin()
    const outlets = recording()
    let isFirst = true
    outlets.answer = async (parcel) => {
      if (isFirst) {
        isFirst = false
        await world.clock.advance(TURN_MS + 1_000, { stepMs: 5_000 })
        await run(outlets)
        await write(update('t', 'TASK_FINISHED', 2))
      }
      return { taken: parcel.letters, refused: [] }
    }
    await run(outlets)
    await run(outlets)
    const about = outlets.told.filter((one) => summary(one).startsWith('t '))
    expect(about.at(-1)?.event.update?.status.state).toBe('TASK_FINISHED')
    expect(new Set(outlets.told.map(({ id }) => id)).size).toBe(5)
    // The late one is known by its number.
    const [first, second] = [...new Set(outlets.told.map(({ number }) => number))].sort((a, b) => a - b)
    expect(outlets.told.findLast(({ number }) => number === first)?.number).toBeLessThan(second ?? 0)
  })

  test('S19: a SUBSCRIBE during a delivery ends the turn; the new session is told what is not acknowledged', async () => {
    await begin()
    const outlets = recording()
    let second: Session | undefined
    outlets.answer = async (parcel) => {
      outlets.answer = undefined
      second = await again()
      return { taken: parcel.letters, refused: [] }
    }
    await run(outlets)
    const before = outlets.told.length
    await run(outlets)
    const anew = outlets.told.slice(before)
    expect(anew.map(summary).sort()).toEqual(['t TASK_RUNNING', 'u TASK_STARTING', 'w TASK_LOST'])
    expect(new Set(anew.map(({ streamId }) => streamId))).toEqual(new Set([second?.streamId]))
    expect(new Set(outlets.told.map(({ id }) => id)).size).toBe(outlets.told.length)
  })

  test('what was overwritten while it was under way is told as well', async () => {
    await begin()
    const outlets = recording()
    outlets.answer = async (parcel) => {
      outlets.answer = undefined
      await write(update('t', 'TASK_FINISHED', 2), rescind('o'))
      return { taken: parcel.letters, refused: [] }
    }
    await run(outlets)
    expect(outlets.told.map(summary).slice(-2).sort()).toEqual(['RESCIND o', 't TASK_FINISHED'])
  })

  test('F67: while the table is away nothing is told, and nothing is lost', async () => {
    await begin()
    const outlets = recording()
    world.setAway(true)
    await run(outlets)
    expect(outlets.told).toEqual([])
    world.setAway(false)
    await run(outlets)
    expect(outlets.told).toHaveLength(4)
  })

  test('a framework whose delivery breaks off is nothing to its neighbour in the same batch', async () => {
    await begin()
    const master = world.url.slice(0, world.url.indexOf('/api'))
    await subscribeDelivered(master, { id: { value: 'g' }, ...labels('webhook', 'http://127.0.0.1:9/') })
    const g = await world.env.store.get('framework', { frameworkId: 'g' })
    if (g === undefined) throw new Error('no framework')
    await world.env.store.commit(
      [
        updateMail(
          g,
          'mine',
          { number: 1, status: status('mine', 'TASK_RUNNING', 'BBBBBBBBBBBBBBBBBBBBBB==') },
          context(),
        ),
      ],
      'x',
    )
    const outlets = recording()
    outlets.answer = ({ frameworkId, letters }) => {
      if (frameworkId === 'f') throw new Error('a bug of an outlet')
      return { taken: letters, refused: [] }
    }
    expect(await run(outlets)).toEqual([])
    expect(outlets.told.map(summary)).toEqual(['mine TASK_RUNNING'])
    expect(world.logged.map(({ event }) => event)).toContain('delivery broke off')
  })

  test('H13: a message that is no nudge is logged and forgotten', async () => {
    await subscribed()
    for (const body of ['', '{oops', '[]', 'null', '{"frameworkId":7}', '{"frameworkId":"nobody"}']) {
      expect(await notify({ ...world.env, outlets: recording() }, [{ ...NUDGE, body }])).toEqual([])
    }
  })
})

describe('an endpoint that fails', () => {
  test('is tried again after 1, 2, 4, 8, 10 s, and keeps its session for the grace', async () => {
    await subscribed()
    await write(update('t', 'TASK_RUNNING'))
    const outlets = recording()
    const tries: number[] = []
    outlets.answer = () => {
      tries.push(world.clock.now())
      return { taken: [], refused: [], failed: 'answered 503' }
    }
    for (let second = 0; second < 40; second++) {
      await run(outlets)
      await world.clock.advance(1_000, { stepMs: 1_000, settleMs: 1 })
    }
    const pauses = tries.slice(1).map((at, index) => Math.round((at - (tries[index] ?? 0)) / 1_000))
    expect(pauses.slice(0, 4)).toEqual([1, 2, expect.any(Number), expect.any(Number)])
    expect(Math.max(...pauses)).toBeLessThanOrEqual(11)
    const failing = await lease()
    expect(failing?.notifying?.failures).toBe(tries.length)
    expect((failing?.expiresAt ?? 0) - (tries[0] ?? 0)).toBeLessThan(61_000)
    outlets.answer = undefined
    await world.clock.advance(11_000)
    await run(outlets)
    expect(outlets.told.map(summary)).toEqual(['t TASK_RUNNING'])
    expect((await lease())?.notifying?.failures).toBe(0)
    expect(world.logged.filter(({ event }) => event === 'delivery failed')).toHaveLength(tries.length)
  })

  test('takes some of a parcel: the rest follows, none comes twice', async () => {
    await subscribed()
    await write(update('a', 'TASK_RUNNING'), update('b', 'TASK_RUNNING'), update('c', 'TASK_RUNNING'))
    const outlets = recording()
    outlets.answer = (parcel) => {
      outlets.answer = undefined
      return { taken: parcel.letters.slice(0, 1), refused: [], failed: 'answered 500' }
    }
    await run(outlets)
    await world.clock.advance(2_000)
    await run(outlets)
    expect(outlets.told.map(summary).sort()).toEqual(['a TASK_RUNNING', 'b TASK_RUNNING', 'c TASK_RUNNING'])
  })

  test('F68: what it will never take becomes a dead letter, and holds nobody up', async () => {
    await subscribed()
    const huge = 'A'.repeat(2 * 1024 * 1024)
    await write(message(huge), message('bm8='), update('t', 'TASK_RUNNING'))
    const outlets = recording()
    outlets.answer = ({ letters }) => ({
      taken: letters.filter(({ event }) => !event.includes('bm8=')),
      refused: letters.filter(({ event }) => event.includes('bm8=')),
    })
    await run(outlets)
    expect(outlets.told.map(summary)).toEqual(['t TASK_RUNNING'])
    const letters = await deadLettersOf(world.env.queues as MessageSource).list()
    expect(letters.map(({ queue }) => queue)).toEqual(['notify', 'notify'])
    expect(letters.every(({ body }) => body.includes('"frameworkId":"f"'))).toBe(true)
    expect((await mailbox()).map(({ key }) => key)).toEqual(['UPDATE#t'])
    // Sent again, it is a nudge and nothing worse.
    expect(await notify({ ...world.env, outlets }, [{ ...NUDGE, body: letters[0]?.body ?? '' }])).toEqual([])
  })
})

test('S22: the secret is in no answer but that of SUBSCRIBE, and not in the log', async () => {
  const session = await subscribed()
  const { secret } = session
  expect(secret).toMatch(/^[A-Za-z0-9]{44}$/)
  expect((await again()).secret).toBe(secret)
  const outlets = recording()
  outlets.answer = () => ({ taken: [], refused: [], failed: 'answered 500' })
  await write(update('t', 'TASK_RUNNING'))
  await run(outlets)
  expect(JSON.stringify(world.logged)).not.toContain(secret)
})
