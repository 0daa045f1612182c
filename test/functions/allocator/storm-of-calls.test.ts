// S1, S2, S3, S18, F63, F64: the calls themselves, 64 at once: ACCEPT, DECLINE, ends of tasks, and three allocators.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { takeCallUpdates } from '../../../functions/agents/updates.ts'
import { allocate } from '../../../functions/allocator/handler.ts'
import type { Environment } from '../../../functions/environment.ts'
import { answerCall } from '../../../functions/scheduler/calls.ts'
import { TooContended } from '../../../functions/transact.ts'
import { unsound, used } from '../../../master/accounting.ts'
import type { Ledger, LedgerOffer, Resources, Run, Task } from '../../../master/model.ts'
import type { SchedulerCall } from '../../../protocol/messages.ts'
import { add, contains, equal } from '../../../protocol/resources.ts'
import { all } from '../../../store/store.ts'
import { agent, cpusMem, framework, ports } from '../../master/allocator/world.ts'
import { type Place, place } from './place.ts'
import { numbers, shaken, turnOfLoop } from './shaking.ts'

const TOTAL: Resources = [...cpusMem(4, 4096), ports(31000, 31063)]
const AGENTS = ['cluster-Sa', 'cluster-Sb', 'cluster-Sc']
const FRAMEWORKS = ['f', 'g', 'h']
const HANDS = 64
const STEPS = 20
const RUNS = 5

/** An ACCEPT that was answered: which offer it used, or tried to, and which tasks it asked for. */
interface Asked {
  readonly frameworkId: string
  readonly offerId: string
  readonly taskIds: readonly string[]
}

test('no resource is given twice under 64 concurrent accepts, declines and allocations', {
  timeout: 120_000,
}, async () => {
  let launched = 0
  let refused = 0
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      const next = numbers(seed)
      const seen: Ledger[] = []
      const there = place((store) => shaken(store, next, seen))
      await there.put(...AGENTS.map((id) => agent(id, TOTAL)), ...FRAMEWORKS.map((id) => framework(id)))
      const asked: Asked[] = []
      const hands = Array.from({ length: HANDS }, async (_, hand) => {
        // Processes of their own: within one, calls about an agent wait for each other.
        const env = { ...there.env, store: { ...there.env.store } }
        const frameworkId = FRAMEWORKS[hand % FRAMEWORKS.length] ?? ''
        for (let step = 0; step < STEPS; step++) {
          for (let left = next(12); left > 0; left--) await turnOfLoop()
          const agentId = AGENTS[next(AGENTS.length)] ?? ''
          const doWhat = [accept, accept, decline, finish][next(4)] ?? accept
          await orTooContended(
            doWhat({ env, there, frameworkId, agentId, name: `${hand}-${step}`, next, asked }),
          )
        }
      })
      const allocators = Array.from({ length: 3 }, async () => {
        const own = { ...there.env }
        for (let step = 0; step < 3 * STEPS; step++) {
          await allocate(own)
          there.clock.time += 300
        }
      })
      await Promise.all([...hands, ...allocators])

      for (const ledger of [...seen, ...(await Promise.all(AGENTS.map((id) => there.ledger(id))))]) {
        expect(unsound(ledger)).toBeUndefined()
        expect(contains(TOTAL, used(ledger))).toBe(true)
      }
      const { tasks, runs } = await everything(there)
      await expectChargesKept(there, runs)
      const counts = expectOffersUsedOnce(asked, tasks, await wordsSaid(there))
      launched += counts.launched
      refused += counts.refused
    }),
    { numRuns: RUNS },
  )
  // The generator reaches both: ACCEPTs that win an offer, and ACCEPTs that lose it to another.
  expect(launched).toBeGreaterThan(RUNS * 10)
  expect(refused).toBeGreaterThan(RUNS)
})

interface Hand {
  readonly env: Environment
  readonly there: Place
  readonly frameworkId: string
  readonly agentId: string
  readonly name: string
  readonly next: (below: number) => number
  readonly asked: Asked[]
}

/** Takes the first own offer, which others may be taking, with one or two tasks; now and then the call is repeated. */
async function accept({ env, there, frameworkId, agentId, name, next, asked }: Hand): Promise<void> {
  const [offerId, offer] = (await ownOffer(there, agentId, frameworkId)) ?? []
  if (offerId === undefined || offer === undefined) return
  const taskIds = Array.from({ length: 1 + next(2) }, (_, index) => `t${name}-${index}`)
  const amounts = cpusMem((1 + next(9)) * 0.1, 32 + next(400))
  const tasks = taskIds.map((taskId, index) => ({
    name: taskId,
    task_id: { value: taskId },
    agent_id: { value: agentId },
    command: { value: 'true' },
    resources: [...amounts, ...portOf(offer, index)],
  }))
  const call: SchedulerCall = {
    type: 'ACCEPT',
    framework_id: { value: frameworkId },
    accept: {
      offer_ids: [{ value: offerId }],
      operations: [{ type: 'LAUNCH', launch: { task_infos: tasks } }],
      filters: { refuse_seconds: 0 },
    },
  }
  const copies = next(4) === 0 ? 2 : 1
  const answers = await Promise.allSettled(Array.from({ length: copies }, () => send(env, frameworkId, call)))
  if (answers.some(({ status }) => status === 'fulfilled')) asked.push({ frameworkId, offerId, taskIds })
  for (const answer of answers) if (answer.status === 'rejected') throw answer.reason
}

async function decline({ env, there, frameworkId, agentId, next }: Hand): Promise<void> {
  const [offerId] = (await ownOffer(there, agentId, frameworkId)) ?? []
  if (offerId === undefined) return
  const filters = { refuse_seconds: next(3) * 0.5 }
  const body = { offer_ids: [{ value: offerId }], filters }
  await send(env, frameworkId, { type: 'DECLINE', framework_id: { value: frameworkId }, decline: body })
}

/** The agent says that one of the framework's tasks has ended; now and then it says so twice. */
async function finish({ env, there, frameworkId, agentId, next }: Hand): Promise<void> {
  const own = (await runsOf(there, agentId)).filter((run) => run.frameworkId === frameworkId)
  const run = own[next(Math.max(1, own.length))]
  if (run === undefined) return
  const { taskId, launchIncarnation, launchGeneration } = run
  const status = {
    task_id: { value: taskId },
    agent_id: { value: agentId },
    state: 'TASK_FINISHED',
    uuid: Buffer.alloc(16, 1).toString('base64'),
  } as const
  const update = {
    frameworkId,
    taskId,
    number: 1,
    launchIncarnation,
    launchGeneration,
    status,
    latestState: status.state,
  }
  const body = { type: 'UPDATES', agentId, incarnation: 1, applied: 0, exits: [], messages: [] } as const
  const copies = 1 + next(2)
  await Promise.all(
    Array.from({ length: copies }, () => takeCallUpdates(env, { ...body, updates: [update] })),
  )
}

async function send(env: Environment, frameworkId: string, call: SchedulerCall): Promise<void> {
  const { answer } = await answerCall(env, call, { streamId: `stream/${frameworkId}` })
  expect(answer.status).toBe(202)
}

/** 503 to a client: nothing happened. */
async function orTooContended(work: Promise<void>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!(error instanceof TooContended)) throw error
  }
}

async function ownOffer(there: Place, agentId: string, frameworkId: string) {
  return Object.entries((await there.ledger(agentId)).offers).find(
    ([, offer]) => offer.frameworkId === frameworkId,
  )
}

function portOf({ resources }: LedgerOffer, index: number): Resources {
  const first = resources.find(({ name }) => name === 'ports')?.ranges?.range?.[0]
  if (first === undefined || Number(first.begin) + index > Number(first.end)) return []
  return [ports(Number(first.begin) + index, Number(first.begin) + index)]
}

async function runsOf({ env }: Place, agentId: string): Promise<readonly Run[]> {
  const found = await all(env.store, 'agent', { agentId }, 'run')
  return found.flatMap(({ kind, item }) => (kind === 'run' ? [item] : []))
}

async function everything(there: Place) {
  const tasks = new Map<string, Task>()
  for (const frameworkId of FRAMEWORKS) {
    for (const { item } of await all(there.env.store, 'tasks', { frameworkId, shard: 0 })) {
      tasks.set(item.taskId, item)
    }
  }
  const runs = (await Promise.all(AGENTS.map((agentId) => runsOf(there, agentId)))).flat()
  return { tasks, runs }
}

/** S18, from outside: what each ledger has charged is what its live tasks are charged, port by port. */
async function expectChargesKept(there: Place, runs: readonly Run[]): Promise<void> {
  for (const agentId of AGENTS) {
    const { sums } = await there.ledger(agentId)
    const charged = Object.values(sums).flatMap((roles) => Object.values(roles).flat())
    const own = runs.filter((run) => run.agentId === agentId).flatMap((run) => run.charged)
    expect(equal(add(charged), add(own))).toBe(true)
    const taken = own.flatMap(({ ranges }) => ranges?.range?.map(({ begin }) => Number(begin)) ?? [])
    expect(new Set(taken).size).toBe(taken.length)
  }
}

async function wordsSaid(there: Place): Promise<ReadonlySet<string>> {
  const said = new Set<string>()
  for (const frameworkId of FRAMEWORKS) {
    for (const { body } of await there.mail(frameworkId)) {
      if (body.kind === 'word') said.add(body.status.task_id.value)
    }
  }
  return said
}

/** S2, F64: of all ACCEPTs of one offer one launches; the tasks of the others are said to be lost. No task is neither. */
function expectOffersUsedOnce(
  asked: readonly Asked[],
  tasks: ReadonlyMap<string, Task>,
  said: ReadonlySet<string>,
): { readonly launched: number; readonly refused: number } {
  const winners = new Map<string, Asked>()
  let refused = 0
  for (const one of asked) {
    const made = one.taskIds.filter((taskId) => tasks.has(taskId))
    for (const taskId of one.taskIds) expect(said.has(taskId)).toBe(!tasks.has(taskId))
    if (made.length === 0) refused++
    else {
      expect(winners.get(one.offerId)).toBeUndefined()
      winners.set(one.offerId, one)
    }
  }
  return { launched: winners.size, refused }
}
