// The notifier in bad weather, by seed: endpoints that fail, answers that get lost, invocations that die or run at once.
//
// The framework of this story does what the documents ask: it passes over ids it has seen, and over late numbers.
import { afterEach, expect, test } from 'vitest'
import { notify } from '../../../functions/notifier/handler.ts'
import { TURN_MS } from '../../../functions/notifier/turn.ts'
import type { Outlets, Parcel, Sent } from '../../../functions/ports/outlets.ts'
import type { Change } from '../../../master/decision.ts'
import { offerMail, removeUpdateMail, updateMail, withdrawnMail } from '../../../master/mail.ts'
import type { Framework } from '../../../master/model.ts'
import type { Offer, SchedulerEvent } from '../../../protocol/messages.ts'
import { mortal } from '../mortal.ts'
import { startWorld, type World } from '../scheduler/world.ts'
import { labels, subscribeDelivered } from './hook.ts'

const SEEDS = Array.from({ length: 12 }, (_, index) => index + 1)
const STEPS = 60
const TASKS = ['a', 'b', 'c']
const LAST = 8

let world: World

afterEach(() => world.close())

/** The framework's side: what it believes, having passed over repeats and late deliveries. */
interface Heard {
  readonly ids: Set<string>
  number: number
  /** Newest update of each task; it acknowledges what it hears. */
  readonly updates: Map<string, number>
  readonly offers: Set<string>
  readonly withdrawn: Set<string>
  readonly wrong: string[]
}

test.each(SEEDS)(
  'seed %i: every update is heard, in order per task; no offer behind its RESCIND',
  async (seed) => {
    world = await startWorld({ settings: { deliverToLoopback: true } })
    const master = world.url.slice(0, world.url.indexOf('/api'))
    await subscribeDelivered(master, { id: { value: 'f' }, ...labels('webhook', 'http://127.0.0.1:9/') })
    const framework = await world.env.store.get('framework', { frameworkId: 'f' })
    if (framework === undefined) throw new Error('no framework')
    const chance = seeded(seed)
    const heard: Heard = {
      ids: new Set(),
      number: 0,
      updates: new Map(),
      offers: new Set(),
      withdrawn: new Set(),
      wrong: [],
    }
    const story = storyOf(framework, chance, heard)
    const outlets = flaky(chance, heard)
    for (let step = 0; step < STEPS; step++) {
      await story.step()
      await someInvocations(chance, outlets)
      await world.clock.advance(chance() < 0.1 ? TURN_MS : 700, { stepMs: 30_000, settleMs: 0 })
    }
    // Good weather.
    for (let step = 0; step < 200 && !story.isOver(); step++) {
      await story.step()
      await notify({ ...world.env, outlets: { ...outlets, send: (parcel) => taking(parcel, heard) } }, [
        NUDGE,
      ])
      await world.clock.advance(11_000, { stepMs: 11_000, settleMs: 0 })
    }
    expect(heard.wrong).toEqual([])
    expect(Object.fromEntries(heard.updates)).toEqual({ a: LAST, b: LAST, c: LAST })
  },
)

const NUDGE = { id: 'n', body: '{"frameworkId":"f"}', sentAt: 0, receiveCount: 1 }

/** One, or two at once; one in three dies at one of its calls. */
async function someInvocations(chance: () => number, outlets: Outlets): Promise<void> {
  const one = async () => {
    const call = 1 + Math.floor(chance() * 9)
    const kind = chance() < 0.5 ? 'dies before' : 'dies after'
    const { env } = chance() < 0.33 ? mortal(world.env, { kind, call }) : world
    await notify({ ...env, outlets }, [NUDGE])
  }
  await Promise.all(chance() < 0.3 ? [one(), one()] : [one()])
}

function flaky(chance: () => number, heard: Heard): Outlets {
  return {
    refusal: async () => undefined,
    async send(parcel) {
      const draw = chance()
      // Nothing arrives; or it does, and the answer is lost; or only some of it arrives.
      if (draw < 0.2) return { taken: [], refused: [], failed: 'ECONNREFUSED' }
      if (draw < 0.35) {
        await taking(parcel, heard)
        return { taken: [], refused: [], failed: 'ECONNRESET' }
      }
      if (draw < 0.5) {
        const some = {
          ...parcel,
          letters: parcel.letters.slice(0, Math.floor(chance() * parcel.letters.length)),
        }
        return { ...(await taking(some, heard)), failed: 'answered 500' }
      }
      return await taking(parcel, heard)
    },
  }
}

async function taking(parcel: Parcel, heard: Heard): Promise<Sent> {
  const { number, letters } = parcel
  if (number >= heard.number) {
    heard.number = number
    for (const { id, event } of letters) {
      if (heard.ids.has(id)) continue
      heard.ids.add(id)
      hear(JSON.parse(event) as SchedulerEvent, heard)
    }
  }
  return { taken: letters, refused: [] }
}

function hear({ update, offers, rescind }: SchedulerEvent, heard: Heard): void {
  if (update !== undefined) {
    const { task_id, message } = update.status
    const number = Number(message)
    const before = heard.updates.get(task_id.value) ?? 0
    if (number < before) heard.wrong.push(`${task_id.value}: ${number} behind ${before}`)
    if (number > before + 1) heard.wrong.push(`${task_id.value}: ${number} without ${before + 1}`)
    heard.updates.set(task_id.value, Math.max(before, number))
  }
  for (const { id } of offers?.offers ?? []) {
    if (heard.withdrawn.has(id.value)) heard.wrong.push(`offer ${id.value} behind its RESCIND`)
    heard.offers.add(id.value)
  }
  if (rescind !== undefined) heard.withdrawn.add(rescind.offer_id.value)
}

/** Writes mail as decisions do: an update follows the acknowledgement of the one before, offers come and go. */
function storyOf(framework: Framework, chance: () => number, heard: Heard) {
  const written = new Map<string, number>()
  let offers = 0
  const context = () => ({ now: world.clock.now(), newId: () => world.env.ids.random() })
  const next = (taskId: string): Change[] => {
    const number = written.get(taskId) ?? 0
    if ((heard.updates.get(taskId) ?? 0) < number) return []
    if (number === LAST) return [removeUpdateMail(framework, taskId)]
    written.set(taskId, number + 1)
    const status = {
      task_id: { value: taskId },
      agent_id: { value: 'a' },
      state: 'TASK_RUNNING',
      message: String(number + 1),
      uuid: 'AAAAAAAAAAAAAAAAAAAAAA==',
    } as const
    return [updateMail(framework, taskId, { number: number + 1, status }, context())]
  }
  return {
    async step() {
      const changes = TASKS.flatMap((taskId) => (chance() < 0.6 ? next(taskId) : []))
      const draw = chance()
      if (draw < 0.3) {
        const id = { value: `o${offers++}` }
        // The fields that reading one needs.
        const offer = { id, framework_id: { value: 'f' }, agent_id: { value: 'a' }, hostname: 'h' } as Offer
        changes.push(offerMail(framework, offer, context()))
      } else if (draw < 0.5 && offers > 0) {
        changes.push(withdrawnMail(framework, `o${offers - 1}`, context()))
      }
      if (changes.length > 0) await world.env.store.commit(changes, world.env.ids.uuid())
    },
    isOver: () => TASKS.every((taskId) => heard.updates.get(taskId) === LAST),
  }
}

/** The same numbers for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
