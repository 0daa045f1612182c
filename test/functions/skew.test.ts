// An older release works on a table that a newer one has written: what it does not know it leaves as it is (F69, H19).
//
// Every item is born with a field and a schema of tomorrow; then everything is done with it that today's code can do.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { readCall } from '../../functions/agents/call-shape.ts'
import { drainAgent } from '../../functions/agents/drain.ts'
import { deactivateAgent, reactivateAgent } from '../../functions/agents/lifecycle.ts'
import { allocate } from '../../functions/allocator/handler.ts'
import { ensureCluster } from '../../functions/cluster.ts'
import { readBeat } from '../../functions/heartbeats/read-beat.ts'
import { restore } from '../../functions/restore/restore.ts'
import { disconnect } from '../../functions/scheduler/disconnect.ts'
import { emptyState, plan } from '../../functions/scheduler/reader-state.ts'
import { subscribe } from '../../functions/scheduler/subscribe.ts'
import type { Mail } from '../../master/model.ts'
import type { Clock } from '../../protocol/clock.ts'
import { KINDS } from '../../store/items.ts'
import { memoryRows } from '../../store/memory.ts'
import { storeOver } from '../../store/over-rows.ts'
import type { Row, Rows } from '../../store/rows.ts'
import { all, type Store } from '../../store/store.ts'
import { accepting, stage } from '../scenarios/stage.ts'

const LATER = '"later":{"a":[1]}'

interface Newer {
  readonly store: (store: Store, clock: Clock) => Store
  /** Kinds of rows that were written over with the field, and without it. */
  readonly kept: Set<string>
  readonly lost: Set<string>
  readonly rows: Rows
}

function newer(): Newer {
  const rows = memoryRows()
  const kept = new Set<string>()
  const lost = new Set<string>()
  const tomorrow: Rows = {
    ...rows,
    async commit(steps, token) {
      const before = await rows.read(steps.map(({ row }) => row))
      const written = steps.map((step, index) =>
        step.do === 'put' && before[index] === undefined ? { ...step, row: ofTomorrow(step.row) } : step,
      )
      const failed = await rows.commit(written, token)
      if (failed.length > 0) return failed
      written.forEach((step, index) => {
        if (step.do !== 'put' || before[index] === undefined) return
        const set = String(step.row.body).includes(LATER) ? kept : lost
        set.add(kindOf(step.row))
      })
      return failed
    },
  }
  // Nothing is packed, so that bodies can be read here as text.
  return { rows, kept, lost, store: (_, clock) => storeOver(tomorrow, clock, { unitBytes: 1e9 }) }
}

function ofTomorrow(row: Row): Row {
  const text = String(row.body)
  const body = text === '{}' ? `{${LATER}}` : `${text.slice(0, -1)},${LATER}}`
  return { ...row, body, schema: row.schema + 1 }
}

function kindOf({ pk, sk }: Row): string {
  const [first = ''] = pk.split('#')
  const [second = ''] = sk.split('#')
  if (first === 'AGENTS' || first === 'INSTANCE' || first === 'FRAMEWORKS') return first
  return `${first} ${/^\d+$/.test(second) ? '<number>' : second}`
}

/** Overwritten whatever they say, by what is newer and says it anew. */
const WRITTEN_ANEW = /^(MAIL|FRAMEWORK CALLED)/

test('F69 H19: unknown fields of every kind survive being read, changed and written by older code', async () => {
  const table = newer()
  const on = await stage({ store: table.store })
  const { w, agent, framework } = on
  await ensureCluster(w.store, w.env.ids, w.clock)
  const id = { value: framework.frameworkId }
  const info = { ...framework.info, id }
  const named = (taskId: string) => ({ agent_id: { value: agent.id }, task_id: { value: taskId } })
  const big = Array.from({ length: 60 }, (_, index) => `big-${index}`)
  expect(await on.call(await accepting(on, big))).toBe(202)
  await agent.launch(framework, ['t1', 't2', 't3'])
  for (const taskId of ['t1', 't2', 't3']) await agent.update(taskId, 'TASK_RUNNING')
  const uuid = (await agent.task(framework, 't1'))?.custody[0]?.uuid ?? ''
  await on.call({ type: 'ACKNOWLEDGE', acknowledge: { ...named('t1'), uuid } })
  await on.call({ type: 'KILL', kill: named('t2') })
  await on.call({ type: 'SUPPRESS' })
  await on.call({ type: 'REVIVE' })
  const update = { framework_info: { ...info, name: 'new' } }
  await on.call({ type: 'UPDATE_FRAMEWORK', update_framework: update })
  await w.run(3_000)
  await allocate(w.env)
  await deactivateAgent(w.env, agent.id)
  await reactivateAgent(w.env, agent.id)
  agent.reboot()
  await agent.register()
  agent.isUp = false
  await w.run(15_000)
  agent.isUp = true
  await agent.register()
  await drainAgent(w.env, agent.id, { markGone: false, maxGraceMs: undefined })
  await reactivateAgent(w.env, agent.id)
  const again = { type: 'SUBSCRIBE' as const, framework_id: id, subscribe: { framework_info: info } }
  await subscribe(w.env, again, { mediaType: 'application/json' })
  const { epoch = 0 } = (await w.store.get('framework', framework)) ?? {}
  await disconnect(w.env, { frameworkId: id.value, epoch, why: 'closed' })
  await subscribe(w.env, again, { mediaType: 'application/json' })
  await restore(w.env)
  await w.run(3_000)
  const two = await w.agent()
  two.isUp = false
  await w.run(20_000)
  expect([...table.lost].filter((kind) => !WRITTEN_ANEW.test(kind))).toEqual([])
  expect([...table.kept].sort()).toEqual([
    'AGENT LEDGER',
    'AGENT RUN',
    'AGENTS',
    'BEATS BEATS',
    'CLUSTER ALLOCATION',
    'CLUSTER CLUSTER',
    'CLUSTER TICK',
    'FRAMEWORK GATE',
    'FRAMEWORK LEASE',
    'FRAMEWORK TASK',
    'FRAMEWORKS',
    'LOSSES HEAD',
  ])
  // All the others are made once, and removed.
  expect(Object.keys(KINDS).length).toBeGreaterThan(16)
})

describe('H19: what only a newer release knows', () => {
  test('rows of unknown kinds, in whatever partition, are passed over', async () => {
    const table = newer()
    const on = await stage({ store: table.store })
    const { frameworkId } = on.framework
    await on.agent.launch(on.framework, ['t1'])
    const strange = [
      [`AGENT#${on.agent.id}`, 'ZONE#1'],
      [`FRAMEWORK#${frameworkId}#0`, 'GANG#1'],
      ['LOSSES', 'TAIL'],
      ['TOMORROW', 'ITEM'],
    ] as const
    for (const [pk, sk] of strange) {
      const row = { pk, sk, version: 1, schema: 9, attempt: 'x', body: '{}' }
      const rule = { name: 'anything', sentence: '', names: {}, arguments: [], holds: () => true } as const
      await table.rows.commit([{ do: 'put', row, rule, args: {} }], 'x')
    }
    expect((await all(on.w.store, 'agent', { agentId: on.agent.id })).length).toBe(2)
    expect((await all(on.w.store, 'tasks', { frameworkId, shard: 0 })).length).toBe(1)
    expect(await all(on.w.store, 'losses', {})).toEqual([])
    expect((await on.agent.sync()).kind).toBe('wanted')
    await on.w.run(3_000)
    expect(on.w.logged).toEqual([])
  })

  test('mail of an unknown kind is neither said nor removed: it is for the reader of tomorrow', () => {
    const mail = {
      version: 1,
      frameworkId: 'f',
      shard: 0,
      key: 'GANG#1',
      tag: 't',
      at: 1,
      body: { kind: 'gang', members: 3 },
      // A newer release's, which this one's types do not know.
    } as unknown as Mail
    const made = plan(emptyState(1), { mail: [mail], losses: [], now: 2, skewMs: 0 })
    expect([made.say, made.remove]).toEqual([[], []])
  })

  test('beats and calls of agents: unknown fields are ignored, unknown kinds are no beats', () => {
    const beat = { kind: 'beat', agentId: 'a', incarnation: 1, number: 2, applied: 3, digest: '0'.repeat(16) }
    expect(readBeat(JSON.stringify({ ...beat, load: 0.5 }))).toEqual(beat)
    expect(readBeat(JSON.stringify({ ...beat, kind: 'pulse' }))).toBeUndefined()
  })
})

interface Golden {
  readonly release: string
  readonly calls: readonly object[]
}

describe('R35 H19: calls of agents of each release', () => {
  const golden: Golden = JSON.parse(readFileSync(new URL('golden-agent-calls.json', import.meta.url), 'utf8'))

  test.each(golden.calls.map((call) => [(call as { type: string }).type, call] as const))(
    '0.1 %s is read as it was meant, also with fields of tomorrow everywhere',
    (_, call) => {
      expect(plainOf(call)).toEqual(plainOf(call))
      const strange = withLater(call)
      expect(plainOf(strange)).toEqual(plainOf(call))
      expect(plainOf(call)).toMatchObject({ type: (call as { type: string }).type })
    },
  )
})

function plainOf(call: unknown): unknown {
  const read = readCall(new TextEncoder().encode(JSON.stringify(call)))
  if ('error' in read) throw new Error(read.error)
  return JSON.parse(JSON.stringify(read.call))
}

/** Every object gets a field more, but maps whose keys are names. */
function withLater(value: unknown, isMap = false): unknown {
  if (Array.isArray(value)) return value.map((each) => withLater(each))
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value).map(([key, field]) => [key, key === 'sums' ? field : withLater(field)])
  return { ...Object.fromEntries(fields), ...(isMap ? {} : { later: { a: 1 } }) }
}
