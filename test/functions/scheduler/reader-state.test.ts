// What a reader says and removes: tables for each kind of mail, properties over any history of a mailbox.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  emptyState,
  type Look,
  type Plan,
  plan,
  type ReaderState,
  resendAt,
} from '../../../functions/scheduler/reader-state.ts'
import type { Loss, Mail, MailBody } from '../../../master/model.ts'
import type { Offer, SchedulerEvent, TaskState, TaskStatus } from '../../../protocol/messages.ts'

const EPOCH = 7

function mail(key: string, body: MailBody, more: Partial<Mail> = {}): Mail {
  return { version: 1, frameworkId: 'F', shard: 0, key, tag: `${key}/1`, body, at: 0, ...more }
}

function status(taskId: string, state: TaskState): TaskStatus {
  return { task_id: { value: taskId }, state }
}

function update(taskId: string, state: TaskState, more: Partial<Mail> = {}): Mail {
  return mail(`UPDATE#${taskId}`, { kind: 'update', status: status(taskId, state), number: 1 }, more)
}

function word(taskId: string, state: TaskState, more: Partial<Mail> = {}): Mail {
  return mail(`WORD#${taskId}`, { kind: 'word', status: status(taskId, state) }, more)
}

function offerOf(id: string, agentId = 'S', role = '*'): Offer {
  return {
    id: { value: id },
    framework_id: { value: 'F' },
    agent_id: { value: agentId },
    hostname: 'h',
    allocation_info: { role },
  }
}

function offer(id: string, epoch = EPOCH, agentId = 'S', role = '*'): Mail {
  return mail(
    `OFFER#${id}`,
    { kind: 'offer', offer: offerOf(id, agentId, role), epoch },
    { tag: `${id}/offer` },
  )
}

function withdrawn(id: string, epoch = EPOCH): Mail {
  return mail(`OFFER#${id}`, { kind: 'withdrawn', offerId: id, epoch }, { tag: `${id}/withdrawn` })
}

function notice(id: string, event: SchedulerEvent, epoch?: number): Mail {
  return mail(`NOTICE#${id}`, { kind: 'notice', event, epoch })
}

const FAILURE: SchedulerEvent = { type: 'FAILURE', failure: { executor_id: { value: 'e' } } }

function look(mails: readonly Mail[], more: Partial<Look> = {}): Look {
  return { mail: mails, losses: [], now: 0, skewMs: 0, ...more }
}

/** What was said, in short. */
function said(one: Plan): string[] {
  return one.say.flatMap((say) => {
    if (say.say === 'offers') return [`OFFERS ${say.offers.map(({ id }) => id.value).join(' ')}`]
    if (say.say === 'page') return ['PAGE']
    const { event } = say
    if (event.update !== undefined) {
      return [`${event.update.status.task_id.value} ${event.update.status.state.slice('TASK_'.length)}`]
    }
    if (event.rescind !== undefined) return [`RESCIND ${event.rescind.offer_id.value}`]
    if (event.failure?.agent_id !== undefined) return [`FAILURE ${event.failure.agent_id.value}`]
    return [event.type ?? '']
  })
}

const removed = (one: Plan) => one.remove.map(({ tag }) => tag)

/** Looks one after the other; each sees what the state before it left. */
function looks(...all: readonly Look[]): Plan[] {
  let state: ReaderState = emptyState(EPOCH)
  return all.map((one) => {
    const made = plan(state, one)
    state = made.next
    return made
  })
}

describe('updates', () => {
  test('C96 resends are due 10, 30, 70 s … after the commit, at most 10 min apart', () => {
    let at = 0
    const times: number[] = []
    for (let i = 0; i < 9; i++) {
      at = resendAt(0, at)
      times.push(at)
    }
    expect(times.map((ms) => ms / 1000)).toEqual([10, 30, 70, 150, 310, 630, 1230, 1830, 2430])
  })

  test('an update first said long after its commit is not repeated at once', () => {
    expect(resendAt(0, 9_000)).toBe(30_000)
    expect(resendAt(0, 3_600_000)).toBe(3_630_000)
    expect(resendAt(0, 4_000)).toBe(10_000)
  })

  test('F51 an update is said when new, when due, and never removed', () => {
    const mails = [update('a', 'TASK_RUNNING')]
    const [first, second, third, fourth] = looks(
      look(mails),
      look(mails, { now: 9_999 }),
      look(mails, { now: 10_000 }),
      look(mails, { now: 29_999 }),
    )
    expect([first, second, third, fourth].map((one) => one && said(one))).toEqual([
      ['a RUNNING'],
      [],
      ['a RUNNING'],
      [],
    ])
    expect(first?.dueAt).toBe(10_000)
    expect(third?.dueAt).toBe(30_000)
    expect([first, second, third, fourth].flatMap((one) => (one ? one.remove : []))).toEqual([])
  })

  test('C97 the next head of custody is new mail under the same key', () => {
    const [, second] = looks(
      look([update('a', 'TASK_RUNNING')]),
      look([update('a', 'TASK_FINISHED', { tag: 'next', at: 50 })], { now: 60 }),
    )
    expect(second && said(second)).toEqual(['a FINISHED'])
  })

  test('late-copy-after-ack: what left the mailbox is forgotten', () => {
    const [, second] = looks(look([update('a', 'TASK_RUNNING')]), look([], { now: 10_000 }))
    expect(second && said(second)).toEqual([])
    expect(second?.next.said.size).toBe(0)
    expect(second?.dueAt).toBeUndefined()
  })
})

describe('words', () => {
  test('a word is said once and removed after a later call of the session', () => {
    const mails = [word('a', 'TASK_LOST')]
    const called = { version: 1, frameworkId: 'F', epoch: EPOCH, at: 200 }
    const all = looks(
      look(mails, { now: 100 }),
      look(mails, { now: 150 }),
      look(mails, { now: 210, called: { ...called, at: 90 } }),
      look(mails, { now: 220, called: { ...called, epoch: EPOCH - 1 } }),
      look(mails, { now: 230, called }),
    )
    expect(all.map(said)).toEqual([['a LOST'], [], [], [], []])
    expect(all.map((one) => one.remove.length)).toEqual([0, 0, 0, 0, 1])
    expect(all.map((one) => one.wordsWait)).toEqual([true, true, true, true, false])
  })

  test('a call within the skew of clocks proves nothing', () => {
    const mails = [word('a', 'TASK_LOST')]
    const called = { version: 1, frameworkId: 'F', epoch: EPOCH, at: 200 }
    const [, second] = looks(look(mails, { now: 100 }), look(mails, { now: 300, called, skewMs: 150 }))
    expect(second?.remove).toEqual([])
  })

  test('a word waits for its framework a day (R3)', () => {
    const day = 24 * 3_600_000
    const mails = [word('a', 'TASK_LOST')]
    const all = looks(look(mails, { now: day - 1 }), look(mails, { now: day + 1 }))
    expect(all.map(said)).toEqual([['a LOST'], []])
    expect(all.map((one) => one.remove.length)).toEqual([0, 1])
  })

  test('word-overwritten-while-said: the newer word is said, the older never removed with it', () => {
    const called = { version: 1, frameworkId: 'F', epoch: EPOCH, at: 50 }
    const [, second] = looks(
      look([word('a', 'TASK_UNREACHABLE')]),
      look([word('a', 'TASK_RUNNING', { tag: 'newer', at: 60 })], { now: 60, called }),
    )
    expect(second && said(second)).toEqual(['a RUNNING'])
    expect(second?.remove).toEqual([])
  })

  test('resend-after-unreachable: an older update is never said without the newer word behind it', () => {
    const mails = [update('a', 'TASK_RUNNING'), word('a', 'TASK_UNREACHABLE', { at: 5 })]
    const called = { version: 1, frameworkId: 'F', epoch: EPOCH, at: 100 }
    const all = looks(
      look(mails, { now: 6 }),
      look(mails, { now: 200, called }),
      look(mails, { now: 10_000, called }),
    )
    expect(all.map(said)).toEqual([['a RUNNING', 'a UNREACHABLE'], [], ['a RUNNING', 'a UNREACHABLE']])
    // The word stays as long as the update may be said again.
    expect(all.flatMap((one) => one.remove)).toEqual([])
  })

  test('an older word is said before the newer update', () => {
    const mails = [update('a', 'TASK_RUNNING', { at: 9 }), word('a', 'TASK_LOST', { at: 5 })]
    expect(looks(look(mails, { now: 10 })).map(said)).toEqual([['a LOST', 'a RUNNING']])
  })

  test('terminal-while-returning: behind an end in custody no older life is said', () => {
    const mails = [update('a', 'TASK_FINISHED'), word('a', 'TASK_RUNNING', { at: 5 })]
    const [only] = looks(look(mails, { now: 6 }))
    expect(only && said(only)).toEqual(['a FINISHED'])
    expect(only && removed(only)).toEqual(['WORD#a/1'])
  })

  test('S7: nor is it said when its removal got lost and the end was acknowledged meanwhile', () => {
    const life = word('a', 'TASK_RUNNING', { at: 5 })
    const all = looks(look([update('a', 'TASK_FINISHED'), life], { now: 6 }), look([life], { now: 7 }))
    expect(all.map(said)).toEqual([['a FINISHED'], []])
  })
})

describe('offers', () => {
  test('C60 offers are gathered, one per agent and role in an event', () => {
    const mails = [offer('1'), offer('2', EPOCH, 'T'), offer('3'), offer('4', EPOCH, 'S', 'r'), offer('5')]
    const [only] = looks(look(mails))
    expect(only && said(only)).toEqual(['OFFERS 1 2 4', 'OFFERS 3', 'OFFERS 5'])
    expect(only?.remove).toHaveLength(5)
  })

  test('delete-answer-lost: an offer listed again is removed again and not said', () => {
    const all = looks(look([offer('1')]), look([offer('1')]))
    expect(all.map(said)).toEqual([['OFFERS 1'], []])
    expect(all.map(removed)).toEqual([['1/offer'], ['1/offer']])
  })

  test('rescind-before-offers, withdrawn-seen-with-offer: RESCIND only for an offer said on this stream', () => {
    const all = looks(look([withdrawn('1'), offer('2')]), look([withdrawn('2')]), look([withdrawn('2')]))
    expect(all.map(said)).toEqual([['OFFERS 2'], ['RESCIND 2'], []])
    expect(all.map(removed)).toEqual([['1/withdrawn', '2/offer'], ['2/withdrawn'], ['2/withdrawn']])
  })

  test('C57 mail of an older session is removed unsaid; mail of a newer one is left alone', () => {
    const message: SchedulerEvent = { type: 'MESSAGE' }
    const old = [offer('1', EPOCH - 1), withdrawn('2', EPOCH - 1), notice('n', message, EPOCH - 1)]
    const newer = [offer('3', EPOCH + 1), withdrawn('4', EPOCH + 1), notice('m', message, EPOCH + 1)]
    const [only] = looks(look([...old, ...newer]))
    expect(only && said(only)).toEqual([])
    expect(only?.remove).toEqual(old)
  })
})

describe('notices, losses, reconciliation', () => {
  test('a notice is said once, also when its removal got lost', () => {
    const mails = [notice('n', FAILURE)]
    const all = looks(look(mails), look(mails), look([]))
    expect(all.map(said)).toEqual([['FAILURE'], [], []])
    expect(all.map((one) => one.remove.length)).toEqual([1, 1, 0])
  })

  test('C116 every lost agent is a FAILURE, said after the updates of its tasks', () => {
    const losses: Loss[] = [1, 2].map((number) => ({ version: 1, number, agentId: `S${number}`, at: 0 }))
    const [only] = looks(look([word('a', 'TASK_LOST'), offer('1')], { losses }))
    expect(only && said(only)).toEqual(['a LOST', 'FAILURE S1', 'FAILURE S2', 'OFFERS 1'])
  })

  test('C153 an agent that was lost and is back again: FAILURE comes before its return', () => {
    const losses: Loss[] = [{ version: 1, number: 1, agentId: 'S', at: 2 }]
    const mails = [word('a', 'TASK_RUNNING', { at: 3 }), update('b', 'TASK_RUNNING', { at: 1 })]
    const [only] = looks(look(mails, { losses, now: 4 }))
    expect(only && said(only)).toEqual(['b RUNNING', 'FAILURE S', 'a RUNNING'])
  })

  test('losses of more than a day ago are not told any more', () => {
    const losses: Loss[] = [{ version: 1, number: 1, agentId: 'S', at: 0 }]
    expect(looks(look([], { losses, now: 25 * 3_600_000 })).map(said)).toEqual([[]])
  })

  test('an implicit reconciliation is answered in its own session only', () => {
    const ask = (epoch: number) => mail('NOTICE#all', { kind: 'reconcile-all', epoch })
    expect(looks(look([ask(EPOCH)])).map((one) => [said(one), one.remove.length])).toEqual([[['PAGE'], 0]])
    expect(looks(look([ask(EPOCH - 1)])).map((one) => [said(one), one.remove.length])).toEqual([[[], 1]])
  })

  test('updates, words and notices are said in the order of their commits', () => {
    const mails = [
      notice('n', FAILURE),
      word('b', 'TASK_LOST', { at: 3 }),
      update('a', 'TASK_RUNNING', { at: 2 }),
    ].map((one, index) => (index === 0 ? { ...one, at: 4 } : one))
    expect(looks(look(mails, { now: 5 })).map(said)).toEqual([['a RUNNING', 'b LOST', 'FAILURE']])
  })
})

describe('any history', () => {
  /** Writers and a reader take turns on one mailbox; a removal or its answer may get lost. */
  const step = fc.oneof(
    fc.record({ do: fc.constant('offer' as const), id: fc.integer({ min: 0, max: 5 }) }),
    fc.record({ do: fc.constant('withdraw' as const), id: fc.integer({ min: 0, max: 5 }) }),
    fc.record({ do: fc.constant('update' as const), id: fc.integer({ min: 0, max: 2 }), over: fc.boolean() }),
    fc.record({ do: fc.constant('acknowledge' as const), id: fc.integer({ min: 0, max: 2 }) }),
    fc.record({ do: fc.constant('word' as const), id: fc.integer({ min: 0, max: 2 }) }),
    fc.record({ do: fc.constant('call' as const) }),
    fc.record({
      do: fc.constant('look' as const),
      pass: fc.integer({ min: 0, max: 30_000 }),
      fails: fc.boolean(),
      /** A writer that commits between what was listed and the removal. */
      meanwhile: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }),
    }),
  )

  test('no offer is said twice, no RESCIND without its offer, nothing is lost, the newest comes last', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const box = new Map<string, Mail>()
        const put = (one: Mail) => box.set(one.key, one)
        const offersMade = new Set<string>()
        const offersSaid = new Set<string>()
        const offersGone = new Set<string>()
        const lastSaid = new Map<string, string>()
        const newest = new Map<string, string>()
        let state = emptyState(EPOCH)
        let now = 1
        let tag = 0
        let calledAt = 0
        const withdraw = (id: number) => {
          const name = `o${id}`
          if (!offersMade.has(name) || offersGone.has(name)) return
          offersGone.add(name)
          put({ ...withdrawn(name), at: now, tag: `${tag++}` })
        }
        const lookOnce = (fails: boolean, meanwhile: number | undefined) => {
          const listed = [...box.values()]
          const called = { version: 1, frameworkId: 'F', epoch: EPOCH, at: calledAt }
          const made = plan(state, look(listed, { now, called }))
          for (const line of said(made)) {
            const [what = '', ...rest] = line.split(' ')
            if (what === 'OFFERS') {
              for (const id of rest) {
                expect(offersSaid.has(id), `offer ${id} twice`).toBe(false)
                offersSaid.add(id)
              }
            } else if (what === 'RESCIND') expect(offersSaid.has(rest[0] ?? ''), line).toBe(true)
            else lastSaid.set(what, rest[0] ?? '')
          }
          if (meanwhile !== undefined) withdraw(meanwhile)
          if (!fails) {
            for (const one of made.remove) if (box.get(one.key)?.tag === one.tag) box.delete(one.key)
          }
          state = made.next
          return made
        }
        for (const one of steps) {
          now += 1
          if (one.do === 'offer' && !offersMade.has(`o${one.id}`)) {
            offersMade.add(`o${one.id}`)
            put({ ...offer(`o${one.id}`), at: now })
          } else if (one.do === 'withdraw') withdraw(one.id)
          else if (one.do === 'update') {
            // A task that is over says nothing more.
            if (newest.get(`t${one.id}`) === 'FINISHED') continue
            const next = one.over ? 'TASK_FINISHED' : 'TASK_RUNNING'
            put(update(`t${one.id}`, next, { at: now, tag: `${tag++}` }))
            newest.set(`t${one.id}`, next.slice(5))
          } else if (one.do === 'acknowledge') {
            // A client acknowledges what it was told.
            const key = `UPDATE#t${one.id}`
            if (box.get(key)?.tag === state.said.get(key)?.tag) box.delete(key)
          } else if (one.do === 'word') {
            if (newest.get(`t${one.id}`) === 'FINISHED') continue
            put(word(`t${one.id}`, 'TASK_UNREACHABLE', { at: now, tag: `${tag++}` }))
            newest.set(`t${one.id}`, 'UNREACHABLE')
          } else if (one.do === 'call') calledAt = now
          else if (one.do === 'look') {
            now += one.pass
            lookOnce(one.fails, one.meanwhile)
          }
        }
        now += 1
        lookOnce(false, undefined)
        now += 1
        lookOnce(false, undefined)
        for (const [taskId, letter] of newest) expect(lastSaid.get(taskId)).toBe(letter)
        for (const id of offersMade)
          if (!offersGone.has(id)) expect(offersSaid.has(id), `offer ${id} lost`).toBe(true)
        expect([...box.keys()].filter((key) => key.startsWith('OFFER#'))).toEqual([])
      }),
      { numRuns: 2_000 },
    )
  })
})
