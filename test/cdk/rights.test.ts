// Every function behind its own role, as the synthesized stack has it: nothing it does is refused, and nothing it may do
// was never done (A22). MiniStack enforces no rights, so IAM is played here, before the store and the queues.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { pascal } from '../../cdk/functions.ts'
import { FUNCTIONS, type FunctionName } from '../../cdk/props.ts'
import { PARTS, type Part, RIGHTS, TABLE_ACTIONS } from '../../cdk/rights.ts'
import { KINDS } from '../../store/items.ts'
import { world } from '../functions/agents/world.ts'
import { Guard } from './guarded.ts'
import { isAllowed, type Policies, policiesOf, queueArn } from './iam.ts'
import { rightsTable, writtenRights } from './rights-table.ts'
import { everything, lifeOf } from './rights-world.ts'
import { templateOf, WITH_AGENTS } from './stubs.ts'

/** Short lives of small clusters under all faults; in some the table goes back in time. */
const SEEDS = 6
const SHORT = { hours: 0.15, agents: 4, profile: 'mesos', quietMs: 4 * 60_000 } as const

let policies: Policies
let table: string
let guard: Guard

beforeAll(async () => {
  const template = templateOf(WITH_AGENTS)
  policies = policiesOf(template)
  table = rightsTable(template)
  guard = new Guard(policies)
  await everything(guard)
  for (let seed = 1; seed <= SEEDS; seed++) await lifeOf(guard, { ...SHORT, seed, restores: seed % 3 === 0 })
}, 300_000)

describe('A22: each function may do what it does, and no more', () => {
  test('nothing that any function does is refused', () => {
    expect([...guard.refused].sort()).toEqual([])
  })

  /**
   * By the record of long runs, which `node test/cdk/record-rights.ts` writes anew: a few short ones, whose story changes
   * with every change of the code, do not come across everything.
   */
  for (const name of FUNCTIONS) {
    test(`${name} has done all that its role allows, or it is known when it does`, () => {
      const { table = {}, sends = [] } = RIGHTS[name]
      const allowed = [
        ...TABLE_ACTIONS.flatMap((action) =>
          (table[action] ?? []).map((part) => `dynamodb:${action} ${firstOf(part)}`),
        ),
        ...sends.map((queue) => `sqs:SendMessage ${queue}`),
      ]
      const known = Object.keys(SELDOM[name] ?? {})
      const never = allowed.filter((one) => !alike(one).some((action) => SEEN.has(`${name} ${action}`)))
      expect(never.sort()).toEqual(known.sort())
    })
  }
})

const SEEN: ReadonlySet<string> = new Set(
  JSON.parse(readFileSync(join(import.meta.dirname, 'rights-seen.json'), 'utf8')),
)

/** Whether one item is asked for or several is a matter of how many there are. */
function alike(done: string): readonly string[] {
  const [action, part] = done.split(' ')
  const isRead = action === 'dynamodb:GetItem' || action === 'dynamodb:BatchGetItem'
  return isRead ? [`dynamodb:GetItem ${part}`, `dynamodb:BatchGetItem ${part}`] : [done]
}

const TOLD = 'mail of a framework that reads no stream was written; no such framework is in the simulator'
const AWAY = 'more than a hundred agents were lost while the framework was away'
const HELD = 'an ACCEPT in pieces stood on an agent that was drained'

/** What no run came across, and when it happens. */
const SELDOM: Partial<Readonly<Record<FunctionName, Readonly<Record<string, string>>>>> = {
  scheduler: { 'sqs:SendMessage notify': TOLD, 'dynamodb:Query LOSSES': AWAY },
  operator: {
    'dynamodb:DeleteItem AGENTS': 'a restored table lists an agent whose ledger it does not have',
    'dynamodb:DeleteItem FRAMEWORK': HELD,
  },
  agents: {
    'sqs:SendMessage notify': TOLD,
    'dynamodb:DeleteItem FRAMEWORK': HELD,
    'dynamodb:DeleteItem MAIL': 'an agent unregistered while an update of its task waited',
  },
  allocator: { 'sqs:SendMessage notify': TOLD },
  detector: {
    'sqs:SendMessage notify': TOLD,
    'dynamodb:DeleteItem INSTANCE': 'an agent with a machine was forgotten, after two weeks',
    'dynamodb:DeleteItem FRAMEWORKS': 'a framework was forgotten, after four weeks',
    'dynamodb:DeleteItem FRAMEWORK': 'the same, with its gates and its lease',
  },
  'instance-events': {
    'sqs:SendMessage notify': TOLD,
    'dynamodb:DeleteItem FRAMEWORK': HELD,
    'dynamodb:DeleteItem MAIL': 'a machine ended while an update of its task waited',
  },
  notifier: { 'dynamodb:Query LOSSES': AWAY },
}

test('A22: docs/security.md says what every role may do; npm run rights -- --write', () => {
  expect(writtenRights()).toBe(table)
})

describe('the guard itself', () => {
  test('refuses what a role lacks: the planner writes no mail, the heartbeats no ledger', async () => {
    const strict = new Guard(policies)
    const w = await world()
    const planner = strict.environment(w.env, () => 'planner')
    await planner.store.get('ledger', { agentId: 'a' })
    await planner.queues.sendToAgent('a', '{}')
    const ledger = {
      do: 'remove',
      kind: 'ledger',
      item: { agentId: 'a' },
      when: { name: 'anything' },
    } as const
    await strict.environment(w.env, () => 'heartbeats').store.commit([ledger], 'token')
    expect([...strict.refused].sort()).toEqual([
      'heartbeats: dynamodb:DeleteItem on AGENT',
      'planner: dynamodb:GetItem on AGENT',
      'planner: sqs:GetQueueUrl on agents',
      'planner: sqs:SendMessage on agents',
    ])
  })

  test('one foreign key among many is enough for a refusal', () => {
    const statements = policies.get(`ClusterFunctions${pascal('heartbeats')}Role`) ?? []
    const read = (...keys: string[]) =>
      isAllowed(statements, { action: 'dynamodb:BatchGetItem', resource: 'ClusterTable', keys })
    expect(read('AGENT#a', 'AGENT#b')).toBe(true)
    expect(read('AGENT#a', 'MAIL#f#0')).toBe(false)
    expect(read('AGENTS#0')).toBe(false)
    const another = { action: 'sqs:SendMessage', resource: queueArn('other-agent-a') }
    expect(isAllowed(statements, another)).toBe(false)
  })

  test('the parts of the table are those of the store', () => {
    const anything = {
      agentId: 'a',
      shard: 0,
      instanceId: 'i',
      frameworkId: 'f',
      taskId: 't',
      key: 'k',
      number: 1,
    }
    // Every kind makes its key of some of these.
    const keys = Object.values(KINDS).map(({ pk }) => (pk as (ref: object) => string)(anything))
    expect(new Set(keys.map((key) => key.split('#')[0]))).toEqual(
      new Set((Object.keys(PARTS) as Part[]).map(firstOf)),
    )
  })
})

/** `MAIL#*` is MAIL. */
function firstOf(part: Part): string {
  return PARTS[part].split('#')[0] ?? ''
}
