// Tasks in a control group of their own: a folder in place of the kernel's, and the kernel's where one can be made.
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { ProcessContainerizer } from '../../../agent/containerizer/process.ts'
import { readStat } from '../../../agent/containerizer/process-table.ts'
import { readShim } from '../../../agent/containerizer/record.ts'
import { chooseShim } from '../../../agent/containerizer/shim.ts'
import { type TasksGroup, tasksGroup } from '../../../agent/containerizer/tasks-group.ts'
import { systemClock } from '../../../protocol/clock.ts'
import { buildDirectory, type Fixture, fixture, shimKinds, until } from './fixture.ts'

/** Any hierarchy with a group of our own will do: version 2 where there is one. */
const HIERARCHIES = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified', '/sys/fs/cgroup/pids']
const MINE = `meseta-test-${process.pid}`

const folders: Fixture[] = []
const groups: string[] = []
afterEach(async () => {
  for (const one of folders.splice(0)) await one.close()
  for (const path of groups.splice(0)) await until(() => removed(path))
})

/** A group goes when its last process has been reaped. */
function removed(path: string): boolean {
  try {
    rmdirSync(path)
  } catch {}
  return !existsSync(path)
}

/** A containerizer whose shims join a group. */
async function joining(kind: 'c' | 'sh', groupOf: (directory: string) => TasksGroup) {
  const f = await fixture(kind)
  folders.push(f)
  const group = groupOf(f.directory)
  const shims = chooseShim({ buildDirectory, only: kind === 'sh' ? 'sh' : undefined, group })
  await shims.ready
  const { containersDirectory } = f
  const containerizer = new ProcessContainerizer({ containersDirectory, shims, clock: systemClock })
  const shimOf = (id: string) => readShim(join(containersDirectory, id))?.pid ?? 0
  return { ...f, containerizer, shimOf }
}

function heard() {
  const said: string[] = []
  const hear = (text: string, about?: object) => void said.push(`${text} ${JSON.stringify(about)}`)
  return { said, log: { info: hear, warn: hear } }
}

describe.each(shimKinds)('%s: a folder in place of a control group', (kind) => {
  test('who starts the shim writes itself down there before it is the shim', async () => {
    const { said, log } = heard()
    let procs = ''
    const one = await joining(kind, (directory) => {
      const delegated = join(directory, 'delegated')
      procs = join(delegated, 'shims', 'cgroup.procs')
      mkdirSync(join(delegated, 'shims'), { recursive: true })
      writeFileSync(procs, '')
      return tasksGroup(delegated, log)
    })
    const spec = one.spec('echo hello; exit 3')
    await one.containerizer.launch(spec)
    const shim = one.shimOf(spec.containerId)
    // The server of compiled shims joins once, for all that it forks.
    const joined = kind === 'sh' ? shim : readStat(shim)?.parent
    expect(await one.containerizer.wait(spec.containerId)).toEqual({ kind: 'exited', code: 3 })
    expect(one.output(spec.containerId)).toBe('hello\n')
    if (joined !== undefined)
      expect(readFileSync(procs, 'utf8').trim().split('\n').map(Number)).toEqual([joined])
    expect(said.join()).toContain('a control group of their own')
  })

  test('without it tasks start where the agent is, and that is said once', async () => {
    const { said, log } = heard()
    const one = await joining(kind, (directory) => tasksGroup(join(directory, 'nowhere'), log))
    for (let time = 0; time < 2; time++) {
      const spec = one.spec('exit 0')
      await one.containerizer.launch(spec)
      expect(await one.containerizer.wait(spec.containerId)).toEqual({ kind: 'exited', code: 0 })
    }
    expect(said).toHaveLength(1)
    expect(said[0]).toContain('the agent’s own control group')
    expect(existsSync(join(one.directory, 'nowhere'))).toBe(false)
  })
})

const hierarchy = HIERARCHIES.find(canMakeGroups)
if (hierarchy === undefined) {
  const why = 'no control group can be made here: it needs root and a writable /sys/fs/cgroup'
  console.log(`skipped: tasks in a control group of the kernel: ${why}`)
}

describe.skipIf(hierarchy === undefined).each(shimKinds)('%s: a control group of the kernel', (kind) => {
  test('shim, task and what the task forks are in it from their first moment; this process is not', async () => {
    const delegated = join(hierarchy ?? '', `${MINE}-${kind}`)
    mkdirSync(delegated)
    groups.push(join(delegated, 'shims'), delegated)
    const one = await joining(kind, () => tasksGroup(delegated, heard().log))
    const spec = one.spec('cat /proc/self/cgroup /proc/self/oom_score_adj; exec sleep 1000')
    const { pid } = (await one.containerizer.launch(spec)) ?? { pid: 0 }
    const path = `/${MINE}-${kind}/shims`
    expect(groupsOf(one.shimOf(spec.containerId))).toContain(path)
    expect(groupsOf(pid)).toContain(path)
    expect(
      await until(() => one.output(spec.containerId).endsWith('\n0\n') && one.output(spec.containerId)),
    ).toContain(path)
    expect(groupsOf(process.pid)).not.toContain(path)
    const server = readStat(one.shimOf(spec.containerId))?.parent
    await one.containerizer.destroy(spec.containerId)
    one.containerizer.close()
    // It would stay as long as this process, which is its agent.
    if (kind === 'c' && server !== undefined) process.kill(server, 'SIGKILL')
  })
})

function groupsOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cgroup`, 'utf8')
}

function canMakeGroups(path: string): boolean {
  try {
    accessSync(join(path, 'cgroup.procs'), constants.W_OK)
    mkdirSync(join(path, `${MINE}-try`))
    rmdirSync(join(path, `${MINE}-try`))
    return true
  } catch {
    return false
  }
}
