// Which sandboxes go and when, and that nothing else does.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { allowedAgeMs, dueForRemoval, SandboxGc } from '../../agent/sandbox-gc.ts'

const limits = { gcDelayMs: 1_000, diskHeadroom: 0.1 }

describe('the allowed age', () => {
  test.each([
    [0, 900],
    [0.4, 500],
    [0.85, 50],
    [0.9, 0],
    [0.95, 0],
    [1, 0],
  ])('with %d of the disk in use: %d of 1000', (usage, age) => {
    expect(allowedAgeMs(usage, limits)).toBeCloseTo(age, 6)
  })

  test('without headroom on an empty disk it is the whole delay', () => {
    expect(allowedAgeMs(0, { gcDelayMs: 1_000, diskHeadroom: 0 })).toBe(1_000)
  })
})

describe('F91: what is due', () => {
  const ended = [500, 100, 600, 900, 1_000].map((endedAt) => ({ path: `/w/${endedAt}`, endedAt }))

  test.each([
    [0, [100]],
    [0.4, [100, 500]],
    [0.5, [100, 500, 600]],
    [0.9, [100, 500, 600, 900, 1_000]],
    [1, [100, 500, 600, 900, 1_000]],
  ])('at usage %d', (diskUsage, expected) => {
    const due = dueForRemoval(ended, { ...limits, now: 1_000, diskUsage })
    expect(due.map(({ endedAt }) => endedAt)).toEqual(expected)
  })

  test('one that ended in the future of a clock set back stays, unless the disk is full', () => {
    const future = [{ path: '/w/x', endedAt: 2_000 }]
    expect(dueForRemoval(future, { ...limits, now: 1_000, diskUsage: 0.5 })).toEqual([])
  })
})

describe('the remover', () => {
  let directory: string
  let usage: number
  let gc: SandboxGc
  const inRoot = (...names: string[]) => join(directory, 'slaves', ...names)
  const make = (...names: string[]) => {
    mkdirSync(inRoot(...names), { recursive: true })
    writeFileSync(inRoot(...names, 'stdout'), 'text')
    return inRoot(...names)
  }

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'meseta-gc-'))
    mkdirSync(inRoot())
    usage = 0.4
    const trash = join(directory, 'trash')
    gc = new SandboxGc({ root: inRoot(), trash, limits, diskUsage: async () => usage })
  })
  afterEach(() => rmSync(directory, { recursive: true, force: true }))

  test('F91: removes what is due and keeps the rest', async () => {
    const [old, young] = [make('old'), make('young')]
    gc.schedule({ path: old, endedAt: 0 })
    gc.schedule({ path: young, endedAt: 600 })
    expect(await gc.sweep(1_000)).toEqual({ removed: [old], failures: [] })
    expect([existsSync(old), existsSync(young)]).toEqual([false, true])
    expect(gc.scheduled().map(({ path }) => path)).toEqual([young])
    expect(readdirSync(join(directory, 'trash'))).toEqual([])
    usage = 1
    expect(await gc.sweep(1_000)).toEqual({ removed: [young], failures: [] })
  })

  test('links are removed, not followed', async () => {
    const sandbox = make('sandbox')
    const outside = join(directory, 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'precious'), '')
    symlinkSync(outside, join(sandbox, 'link'))
    gc.schedule({ path: sandbox, endedAt: 0 })
    await gc.sweep(1_000)
    expect(existsSync(join(outside, 'precious'))).toBe(true)
    expect(existsSync(sandbox)).toBe(false)
  })

  test('F91: what is used again stays, with all above it', async () => {
    const framework = make('framework')
    const run = make('framework', 'runs', '1')
    const other = make('framework', 'runs', '2')
    for (const path of [framework, run, other]) gc.schedule({ path, endedAt: 0 })
    await gc.unschedule(run)
    expect(gc.scheduled().map(({ path }) => path)).toEqual([other])
    await gc.sweep(1_000)
    expect([existsSync(run), existsSync(other)]).toEqual([true, false])
  })

  test('a directory made anew while the old one is removed stays', async () => {
    const sandbox = make('sandbox')
    gc.schedule({ path: sandbox, endedAt: 0 })
    const sweeping = gc.sweep(1_000)
    await gc.unschedule(sandbox)
    make('sandbox')
    await sweeping
    await gc.sweep(1_000)
    expect(existsSync(sandbox)).toBe(true)
  })

  test('what is gone already is no failure, and two sweeps at once do no harm', async () => {
    gc.schedule({ path: inRoot('never-there'), endedAt: 0 })
    const sandbox = make('sandbox')
    gc.schedule({ path: sandbox, endedAt: 0 })
    const swept = await Promise.all([gc.sweep(1_000), gc.sweep(1_000)])
    expect(swept.flatMap(({ failures }) => failures)).toEqual([])
    expect(swept.flatMap(({ removed }) => removed).toSorted()).toEqual(
      [inRoot('never-there'), sandbox].toSorted(),
    )
  })

  test.each(['', '/', '..', '../x', 'x/../..'])('never above its root: %j', (path) => {
    expect(() => gc.schedule({ path: join(inRoot(), path), endedAt: 0 })).toThrow()
    expect(() => gc.schedule({ path: `/etc/${path}`, endedAt: 0 })).toThrow()
  })

  test('what an earlier agent began to remove goes at start', async () => {
    mkdirSync(join(directory, 'trash', 'left', 'over'), { recursive: true })
    await gc.emptyTrash()
    expect(readdirSync(join(directory, 'trash'))).toEqual([])
  })
})
