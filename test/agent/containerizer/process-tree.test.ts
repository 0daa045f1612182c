// Who belongs to a container: tables of processes as the kernel might show them.
import { describe, expect, test } from 'vitest'
import { type ProcessStat, parseStat, snapshotOf } from '../../../agent/containerizer/process-table.ts'
import { MARKER, membersOf, type TreeRoots } from '../../../agent/containerizer/process-tree.ts'

interface Row {
  readonly pid: number
  readonly parent: number
  readonly session?: number
  readonly group?: number
  readonly start?: number
  readonly state?: string
  readonly marked?: boolean
}

/** Pids of the container `here`, whose shim is 100 and whose first process is 101, both started at 50. */
async function found(rows: readonly Row[], { reaper = false, shim = true } = {}): Promise<number[]> {
  const processes = rows.map(
    ({ pid, parent, session = 1, group = 1, start = 60, state = 'S' }): ProcessStat => ({
      pid,
      parent,
      session,
      group,
      startTime: start,
      state,
      userTicks: 0,
      systemTicks: 0,
      threads: 1,
      rssPages: 1,
    }),
  )
  const marked = new Set(rows.filter((row) => row.marked).map(({ pid }) => pid))
  const snapshot = snapshotOf(processes, async (pid) => [
    'A=1',
    `${MARKER}=${marked.has(pid) ? 'here' : 'here.nested'}`,
  ])
  const roots: TreeRoots = {
    containerId: 'here',
    shim: shim ? { pid: 100, startTime: 50, reaper } : undefined,
    main: { pid: 101, startTime: 50 },
  }
  return (await membersOf(snapshot, roots)).map(({ pid }) => pid).toSorted()
}

const shim: Row = { pid: 100, parent: 7, start: 50, session: 100, group: 100 }
const main: Row = { pid: 101, parent: 100, start: 50, session: 101, group: 101 }

describe('members', () => {
  test.each<[string, readonly Row[], readonly number[]]>([
    ['the first process, not its shim', [shim, main], [101]],
    [
      'children and their children',
      [shim, main, { pid: 102, parent: 101 }, { pid: 103, parent: 102 }],
      [101, 102, 103],
    ],
    ['an orphan of its session', [shim, main, { pid: 104, parent: 1, session: 101 }], [101, 104]],
    ['an orphan of its group', [shim, main, { pid: 104, parent: 1, group: 101 }], [101, 104]],
    [
      'an orphan with the marker, and its children',
      [shim, main, { pid: 104, parent: 1, marked: true }, { pid: 105, parent: 104 }],
      [101, 104, 105],
    ],
    ['no stranger', [shim, main, { pid: 104, parent: 1 }], [101]],
    ['nothing that has ended', [shim, { ...main, state: 'Z' }], []],
    ['children of one that has ended', [shim, { ...main, state: 'Z' }, { pid: 102, parent: 101 }], [102]],
    ['nothing marked that is older', [shim, main, { pid: 104, parent: 1, start: 49, marked: true }], [101]],
    ['the first process alone', [main], [101]],
    ['its session after it has ended', [{ pid: 104, parent: 1, session: 101 }], [104]],
    [
      'nobody of a session that got the same number',
      [
        { ...main, parent: 1, start: 70 },
        { pid: 104, parent: 101, session: 101, start: 71 },
      ],
      [],
    ],
    [
      'nobody of a shim that got the same number',
      [
        { ...shim, start: 70 },
        { pid: 104, parent: 100, start: 71 },
      ],
      [],
    ],
    [
      'never the agent, whatever its marks',
      [shim, main, { pid: process.pid, parent: 101, marked: true }],
      [101],
    ],
    ['never the first process of the machine', [shim, main, { pid: 1, parent: 0, marked: true }], [101]],
  ])('%s', async (_, rows, pids) => {
    expect(await found(rows)).toEqual(pids)
  })

  test('with a reaper, orphans are its children, and no environment is read', async () => {
    const orphan: Row = { pid: 104, parent: 100, session: 104 }
    expect(
      await found([shim, main, orphan, { pid: 105, parent: 1, marked: true }], { reaper: true }),
    ).toEqual([101, 104])
  })

  test('a reaper that is gone does not stop the search', async () => {
    expect(await found([main, { pid: 105, parent: 1, marked: true }], { reaper: true })).toEqual([101, 105])
    expect(
      await found([{ ...shim, state: 'Z' }, main, { pid: 105, parent: 1, marked: true }], { reaper: true }),
    ).toEqual([101, 105])
  })
})

describe('/proc/PID/stat', () => {
  const fields = 'S 7 101 100 0 -1 0 0 0 0 0 11 22 3 4 20 0 5 0 987654 1000 42 0'

  test.each(['sh', 'a b', 'x) S 1 1 1', '(((', ')', 'line\nend', ''])('command %j', (command) => {
    expect(parseStat(`12 (${command}) ${fields}`)).toEqual({
      pid: 12,
      state: 'S',
      parent: 7,
      group: 101,
      session: 100,
      userTicks: 14,
      systemTicks: 26,
      threads: 5,
      startTime: 987654,
      rssPages: 42,
    })
  })

  test.each(['', '12', '12 (x', '12 (x) S 1', 'x (y) S'])('torn: %j', (text) => {
    expect(parseStat(text)).toBeUndefined()
  })
})
