// What a poll says, removes and settles: a table for each kind of mail, then any history with answers that get lost.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { newBook, type PollBook, settle, take, written } from '../../../connect/poll-book.ts'
import { type Held, pageId, planPoll } from '../../../functions/operator/events/poll-plan.ts'
import type { Loss, Mail, MailBody } from '../../../master/model.ts'
import type { Offer, SchedulerEvent, TaskState } from '../../../protocol/messages.ts'

const EPOCH = 7
let tags = 0

function mail(key: string, body: MailBody, at = 0): Mail {
  return { version: 1, frameworkId: 'F', shard: 0, key, tag: `t${tags++}`, body, at }
}

function update(taskId: string, state: TaskState, at = 0): Mail {
  const status = { task_id: { value: taskId }, state, uuid: 'AAAA' }
  return mail(`UPDATE#${taskId}`, { kind: 'update', status, number: 1 }, at)
}

function word(taskId: string, state: TaskState, at = 0): Mail {
  return mail(`WORD#${taskId}`, { kind: 'word', status: { task_id: { value: taskId }, state } }, at)
}

function offerOf(id: string): Offer {
  return {
    id: { value: id },
    framework_id: { value: 'F' },
    agent_id: { value: `agent of ${id}` },
    hostname: 'h',
    allocation_info: { role: '*' },
  }
}

const offer = (id: string, epoch = EPOCH) => mail(`OFFER#${id}`, { kind: 'offer', offer: offerOf(id), epoch })
const withdrawn = (id: string) => mail(`OFFER#${id}`, { kind: 'withdrawn', offerId: id, epoch: EPOCH })
const notice = (id: string) =>
  mail(`NOTICE#${id}`, {
    kind: 'notice',
    event: { type: 'MESSAGE', message: { agent_id: { value: 'a' }, executor_id: { value: id }, data: '' } },
    epoch: EPOCH,
  })
const loss = (number: number, agentId = `S${number}`, at = 0): Loss => ({ version: 1, number, agentId, at })

interface Given {
  readonly mail?: readonly Mail[]
  readonly losses?: readonly Loss[]
  readonly confirmed?: readonly string[]
  readonly received?: readonly string[]
  readonly now?: number
  readonly lossesTold?: number
  readonly lastLoss?: number
}

function poll({
  mail = [],
  losses = [],
  confirmed = [],
  received = [],
  now = 0,
  lossesTold = 0,
  lastLoss,
}: Given) {
  const held: Held = { confirmed: new Set(confirmed), received: new Set(received) }
  const last = lastLoss ?? Math.max(0, ...losses.map(({ number }) => number))
  const session = { epoch: EPOCH, shards: 2, lossesTold, lastLoss: last }
  const made = planPoll(session, held, { mail, losses, now, skewMs: 0 })
  const ids = made.say.flatMap((piece) => (piece.piece === 'page' ? [] : piece.ids))
  return { ...made, ids, removed: made.remove.map(({ key }) => key) }
}

describe('an update', () => {
  test('is said until it was confirmed, and stays when it was', () => {
    const mails = [update('a', 'TASK_RUNNING')]
    const first = poll({ mail: mails })
    expect(first.ids).toEqual([`${mails[0]?.tag}.10`])
    expect(poll({ mail: mails }).ids).toEqual(first.ids)
    const second = poll({ mail: mails, confirmed: first.ids, now: 1 })
    expect([second.ids, second.removed, second.settled]).toEqual([[], [], []])
    expect(second.dueAt).toBe(10_000)
  })

  test('C96 R11 comes again 10, 30, 70 s … after its commit, though nobody remembers that it was said', () => {
    const mails = [update('a', 'TASK_RUNNING')]
    let confirmed: readonly string[] = []
    const saidAt: number[] = []
    for (let now = 0; now <= 160_000; now += 500) {
      const { ids, settled } = poll({ mail: mails, confirmed, now })
      if (ids.length > 0) saidAt.push(now / 1000)
      confirmed = [...confirmed.filter((id) => !settled.includes(id)), ...ids]
      expect(confirmed.length).toBeLessThanOrEqual(2)
    }
    expect(saidAt).toEqual([0, 10, 30, 70, 150])
  })

  test('is settled once it was acknowledged', () => {
    const before = update('a', 'TASK_STARTING')
    expect(poll({ mail: [update('a', 'TASK_RUNNING')], confirmed: [`${before.tag}.10`] }).settled).toEqual([
      `${before.tag}.10`,
    ])
  })

  test('is followed again by the newer word that stands behind it', () => {
    const mails = [update('a', 'TASK_RUNNING', 0), word('a', 'TASK_UNREACHABLE', 5_000)]
    const first = poll({ mail: mails, now: 5_000 })
    const again = poll({ mail: mails, confirmed: first.ids, now: 30_000 })
    expect(again.say.map((piece) => piece.piece === 'event' && piece.event.update?.status.state)).toEqual([
      'TASK_RUNNING',
      'TASK_UNREACHABLE',
    ])
    expect(again.removed).toEqual([])
  })
})

describe('what is said once', () => {
  test.each([
    ['an offer', offer('o')],
    ['a withdrawal', withdrawn('o')],
    ['a notice', notice('n')],
    ['a word', word('a', 'TASK_LOST')],
  ])('%s is removed when it was confirmed, not before, and not while it is on its way', (_, one) => {
    const first = poll({ mail: [one] })
    expect([first.ids, first.removed]).toEqual([[one.tag], []])
    const onItsWay = poll({ mail: [one], received: first.ids })
    expect([onItsWay.ids, onItsWay.removed]).toEqual([[], []])
    const confirmed = poll({ mail: [one], confirmed: first.ids })
    expect([confirmed.ids, confirmed.removed, confirmed.settled]).toEqual([[], [one.key], first.ids])
  })

  test('C57 R3 mail of an older session goes unsaid', () => {
    const one = offer('o', EPOCH - 1)
    expect(poll({ mail: [one] })).toMatchObject({ ids: [], removed: [one.key] })
  })

  test('S7 an offer that was overwritten before it was confirmed is withdrawn, and stays until that is heard', () => {
    const first = offer('o')
    const gone = withdrawn('o')
    const made = poll({ mail: [gone], confirmed: [first.tag] })
    expect([made.ids, made.removed, made.settled]).toEqual([[gone.tag], [], [first.tag]])
  })
})

describe('losses', () => {
  test('the place in LOSSES moves on behind what was confirmed without a gap', () => {
    const losses = [loss(1), loss(2), loss(3)]
    expect(poll({ losses }).ids).toEqual(['loss.1', 'loss.2', 'loss.3'])
    const gap = poll({ losses, confirmed: ['loss.1', 'loss.3'] })
    expect([gap.ids, gap.lossesTold, gap.settled]).toEqual([['loss.2'], 1, ['loss.1']])
    expect(poll({ losses, confirmed: ['loss.1', 'loss.2', 'loss.3'] }).lossesTold).toBe(3)
  })

  test('an agent that was lost twice is confirmed twice', () => {
    expect(poll({ losses: [loss(1, 'S', 1), loss(2, 'S', 2)] }).ids).toEqual(['loss.1', 'loss.2'])
  })

  test('what is garbage, or too old to be told, holds nobody up', () => {
    const day = 24 * 3_600_000
    expect(poll({ losses: [], lastLoss: 5 }).lossesTold).toBe(5)
    expect(poll({ losses: [loss(1, 'S', 0), loss(2, 'T', 2 * day)], now: 2 * day })).toMatchObject({
      ids: ['loss.2'],
      lossesTold: 1,
    })
  })
})

describe('pages of an implicit reconciliation', () => {
  const page = () => mail('NOTICE#reconcile-all', { kind: 'reconcile-all', epoch: EPOCH })

  test('C114 one that was confirmed is turned to the place its id names', () => {
    const one = page()
    const after = '{"shard":1,"after":"TASK#ü"}'
    expect(poll({ mail: [one], confirmed: [pageId(one, after)] })).toMatchObject({
      say: [],
      turn: [{ mail: one, after }],
    })
    expect(poll({ mail: [one], confirmed: [pageId(one, undefined)] }).turn).toEqual([
      { mail: one, after: undefined },
    ])
    expect(poll({ mail: [one], received: [pageId(one, after)] })).toMatchObject({ say: [], turn: [] })
  })

  test.each(['{"shard":2}', '{"shard":-1}', '{"shard":"0"}', '{"shard":0,"after":5}', '5', 'null', '{'])(
    'A11: a made-up place %s turns nothing',
    (after) => {
      const one = page()
      expect(poll({ mail: [one], confirmed: [pageId(one, after)] }).turn).toEqual([])
    },
  )
})

test('A11: ids of nobody are settled and do nothing', () => {
  const confirmed = ['', '.', 'x', 'x.y', 'loss.', 'loss.x', '__proto__', 'loss.-1']
  const made = poll({ mail: [offer('o')], confirmed })
  expect(made.removed).toEqual([])
  expect(made.ids).toHaveLength(1)
})

/** What happens to a mailbox and its poller, by chance. */
type Step =
  | {
      readonly step: 'offer' | 'withdraw' | 'update' | 'acknowledge' | 'word' | 'notice'
      readonly which: number
    }
  | { readonly step: 'poll'; readonly isLost: boolean; readonly wrote: number }
  | { readonly step: 'wait'; readonly ms: number }

const which = fc.integer({ min: 0, max: 3 })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    step: fc.constantFrom('offer', 'withdraw', 'update', 'acknowledge', 'word', 'notice'),
    which,
  }),
  fc.record({
    step: fc.constant('poll' as const),
    isLost: fc.boolean(),
    wrote: fc.integer({ min: 0, max: 3 }),
  }),
  fc.record({ step: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 20_000 }) }),
)

describe('any history, with answers that get lost and sockets that take a part', () => {
  test('S7 every offer at most once, RESCIND only behind its offer, nothing removed that was not written', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const world = new Map<string, Mail>()
        const book = newBook()
        const heard: SchedulerEvent[] = []
        const heardTags = new Set<string>()
        let now = 0
        let offers = 0
        const put = (one: Mail) => world.set(one.key, one)
        const pollNow = (isLost: boolean, wrote: number) => {
          const made = poll({
            mail: [...world.values()],
            confirmed: [...book.confirmed],
            received: [...book.received],
            now,
          })
          for (const one of made.remove) {
            expect(heardTags.has(one.tag)).toBe(true)
            if (world.get(one.key)?.tag === one.tag) world.delete(one.key)
          }
          if (isLost) return
          settle(book, made.settled)
          deliver(book, made.say, wrote)
        }
        const deliver = (to: PollBook, say: ReturnType<typeof poll>['say'], wrote: number) => {
          for (const [index, piece] of say.entries()) {
            if (piece.piece === 'page') continue
            const event: SchedulerEvent =
              piece.piece === 'event' ? piece.event : { type: 'OFFERS', offers: { offers: piece.offers } }
            heard.push(...take(to, { ids: piece.ids, events: [event] }))
            for (const id of piece.ids) heardTags.add(id.split('.')[0] ?? '')
            // What comes behind is taken by the socket later.
            if (index < wrote) written(to, piece.ids)
          }
        }
        for (const one of steps) {
          written(book, one.step === 'poll' && one.wrote > 0 ? [...book.received] : [])
          if (one.step === 'wait') now += one.ms
          else if (one.step === 'poll') pollNow(one.isLost, one.wrote)
          else if (one.step === 'offer') put(offer(`o${offers++}`))
          else if (one.step === 'withdraw') put(withdrawn(`o${Math.max(0, offers - 1 - one.which)}`))
          else if (one.step === 'update') put(update(`t${one.which}`, 'TASK_RUNNING', now))
          else if (one.step === 'acknowledge') world.delete(`UPDATE#t${one.which}`)
          else if (one.step === 'word') put(word(`t${one.which}`, 'TASK_LOST', now))
          else put(notice(`n${one.which}`))
        }
        written(book, [...book.received])
        pollNow(false, 100)
        pollNow(false, 100)
        const left = [...world.values()].filter(({ body }) => body.kind !== 'update' && body.kind !== 'word')
        expect(left).toEqual([])
        const said = heard.flatMap((event) => event.offers?.offers?.map(({ id }) => id.value) ?? [])
        expect(said).toEqual([...new Set(said)])
        for (const [at, event] of heard.entries()) {
          const id = event.rescind?.offer_id.value
          if (id === undefined) continue
          const before = heard.slice(0, at)
          expect(before.some(({ offers }) => offers?.offers?.some((one) => one.id.value === id))).toBe(true)
        }
      }),
    )
  })
})
