// Releases take over each other's checkpoints: the next one's, the one's before, and every one that was kept here.
//
// Golden checkpoints are written by `MESETA_WRITE_GOLDEN=1 vitest run test/agent/upgrade.test.ts`, once a release.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { Checkpoint } from '../../agent/checkpoint.ts'
import { readJson, writeJson } from '../../agent/exact-json.ts'
import { seal, unseal } from '../../agent/sealed.ts'
import { emptyState } from '../../agent/state.ts'
import { durationInfo } from '../../protocol/durations.ts'
import { MESETA_VERSION } from '../../protocol/version.ts'
import { until } from './agent-process.ts'
import { INCARNATION, newMachine, register, wantedAt } from './machine.ts'
import { isRunning, type ProcessWorld, processWorld } from './process-world.ts'
import { framework, wanted } from './tasks.ts'

const GOLDEN = join(import.meta.dirname, 'golden-checkpoint')
const BOOT = '4c9a-1'

/** Every file below `meta/` with its text, and what is to be read out of them. */
interface Golden {
  readonly files: Readonly<Record<string, string>>
  readonly remembered: unknown
}

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

describe('R35: checkpoints of releases', () => {
  if (process.env.MESETA_WRITE_GOLDEN === '1') {
    mkdirSync(GOLDEN, { recursive: true })
    writeFileSync(join(GOLDEN, `${MESETA_VERSION}.json`), `${JSON.stringify(goldenOfNow(), undefined, 2)}\n`)
  }

  test.each(readdirSync(GOLDEN))('%s is read as it was written', (name) => {
    const golden = JSON.parse(readFileSync(join(GOLDEN, name), 'utf8')) as Golden
    expect(read(golden.files)).toMatchObject(golden.remembered as object)
  })

  test('this release still writes what its golden checkpoint says, or has a new number', () => {
    const golden = JSON.parse(readFileSync(join(GOLDEN, `${MESETA_VERSION}.json`), 'utf8')) as Golden
    expect(goldenOfNow()).toEqual(golden)
  })

  test('one without seals, of before they were written, is taken over', () => {
    const { files, remembered } = goldenOfNow()
    const bare = Object.fromEntries(
      Object.entries(files)
        .filter(([file]) => file !== 'schema.json' && file !== 'executor-exits.json')
        .map(([file, text]) => [
          file,
          file === 'boot_id' ? text : eachLine(text, (value) => writeJson(value)),
        ]),
    )
    expect(read({ ...bare, 'exits.json': '[]' })).toMatchObject(remembered as object)
  })

  test('what a later release added is left alone, and kept where it was', () => {
    const { files, remembered } = goldenOfNow()
    const folder = laidOut(ofNextRelease(files))
    const checkpoint = new Checkpoint(folder)
    expect(checkpoint.read(true, { bootId: BOOT })).toMatchObject(remembered as object)
    const state = Object.assign(emptyState(), { agentId: 'm-S1', incarnation: 8, applied: 0 })
    checkpoint.write([{ save: 'position' }], state)
    const position = unseal(readFileSync(join(folder, 'meta', 'position.json'), 'utf8'))
    expect(position).toEqual({ agentId: 'm-S1', incarnation: 8, applied: 0, later: 1 })
    const log = Object.keys(files).find((file) => file.startsWith('tasks/a.')) ?? ''
    expect(readFileSync(join(folder, 'meta', log), 'utf8')).toContain('{"meteor":1')
  })

  test('one that says this release would misread it is refused with a sentence, strict or not', () => {
    const { files } = goldenOfNow()
    const form = seal({ schema: 3, readableBy: 2, release: '9.1.0' })
    const folder = laidOut({ ...files, 'schema.json': form })
    for (const strict of [true, false]) {
      expect(() => new Checkpoint(folder).read(strict, { bootId: BOOT })).toThrow(
        /was written by Meseta 9\.1\.0 in form 3, which Meseta .* cannot read.*start Meseta 9\.1\.0 here, or/,
      )
    }
  })
})

describe('real processes', () => {
  let world: ProcessWorld
  afterEach(() => world.close())

  test('F69: a later release takes over an agent and gives it back; its tasks run on with the same pids', async () => {
    world = await processWorld()
    const { controlPlane, workDir } = world
    const before = await world.start()
    controlPlane.want([wanted('a', 'exec sleep 1000'), wanted('b', 'exec sleep 1000')])
    await until(() => ['a', 'b'].every((id) => controlPlane.states(id).length === 2))
    const pids = ['a', 'b'].map((id) => controlPlane.last(id)?.container_status?.executor_pid ?? 0)
    await before.kill()
    // What this release writes, a later one reads; and what that one writes, this one does.
    const meta = join(workDir, 'meta')
    const files = filesIn(meta)
    for (const [file, text] of Object.entries(ofNextRelease(files))) writeFileSync(join(meta, file), text)
    const again = await world.start()
    expect(controlPlane.registrations.at(-1)?.tasks.map((task) => task.lastUpdate)).toEqual([2, 2])
    expect(pids.map(isRunning)).toEqual([true, true])
    controlPlane.kill('f', 'a')
    await until(() => controlPlane.states('a').at(-1) === 'TASK_KILLED')
    await again.kill()
    await world.start()
    expect(pids.map(isRunning)).toEqual([false, true])
    expect(controlPlane.states('b')).toEqual(['TASK_STARTING', 'TASK_RUNNING'])
  })

  test('F69: over a checkpoint it would misread the process ends with 1 and says which release to start', async () => {
    world = await processWorld()
    const agent = await world.start()
    await agent.kill()
    const form = join(world.workDir, 'meta', 'schema.json')
    const before = readFileSync(form)
    writeFileSync(form, seal({ schema: 3, readableBy: 2, release: '9.1.0' }))
    const refused = world.launch()
    expect(await refused.ended).toBe(1)
    expect(refused.lines.join('\n')).toMatch(/start Meseta 9\.1\.0 here/)
    writeFileSync(form, before)
  })
})

/** The same checkpoint as a release after this one would leave it: more members, more kinds of records. */
function ofNextRelease(files: Readonly<Record<string, string>>): Record<string, string> {
  const later = Object.entries(files).map(([file, text]): [string, string] => {
    if (file === 'schema.json') return [file, seal({ schema: 2, readableBy: 1, release: '9.0.0', later: 1 })]
    if (file === 'boot_id' || file === 'lock') return [file, text]
    const lines = eachLine(text, (value) => seal({ ...value, later: 1 }))
    return [file, file.endsWith('.log') ? `${lines}${seal({ meteor: 1 })}\n` : lines]
  })
  return Object.fromEntries(later)
}

function eachLine(text: string, as: (value: Readonly<Record<string, unknown>>) => string): string {
  const lines = text.split('\n')
  return lines.map((line) => (line === '' ? line : as(unseal(line)))).join('\n')
}

/** A command task, a group, a custom executor, a kill under way, an update that nobody has taken. */
function goldenOfNow(): Golden {
  const folder = laidOut({})
  const checkpoint = new Checkpoint(folder)
  const machine = newMachine(emptyState(), (saves, state) => checkpoint.write([...saves], state))
  machine.put({ input: 'recovered', containers: new Map(), rebooted: false })
  register(machine, INCARNATION)
  checkpoint.writeInfo({ hostname: 'h', port: 5051, id: { value: 'm-S1' } })
  checkpoint.writeBootId(BOOT)
  const executor = { executor_id: { value: 'd' }, type: 'DEFAULT' as const }
  const custom = { executor_id: { value: 'e' }, type: 'CUSTOM' as const, command: { value: 'x' } }
  const member = (id: string) => wantedAt(id, 1, { executor, group: { id: 'g', size: 2 } })
  machine.nudge(1, [wantedAt('a', 1), member('g1'), member('g2'), wantedAt('c', 1, { executor: custom })], {
    frameworks: [framework()],
  })
  for (const id of ['a', 'g1', 'g2']) {
    machine.put({ input: 'container-launched', containerId: machine.containerOf(id), pid: 7 })
  }
  machine.takeAll()
  const killPolicy = { grace_period: durationInfo(1_000) }
  machine.nudge(2, [{ ...wantedAt('a', 1), wanted: 'stop', kills: 1, killPolicy }])
  const files = filesIn(join(folder, 'meta'))
  return JSON.parse(JSON.stringify({ files, remembered: plain(checkpoint.read(true, { bootId: BOOT })) }))
}

function read(files: Readonly<Record<string, string>>): object {
  return plain(new Checkpoint(laidOut(files)).read(true, { bootId: BOOT }))
}

function plain(value: object): object {
  return readJson(writeJson(value)) as object
}

function laidOut(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'meseta-golden-'))
  folders.push(folder)
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, 'meta', file)), { recursive: true })
    writeFileSync(join(folder, 'meta', file), text)
  }
  return folder
}

function filesIn(folder: string): Record<string, string> {
  const names = readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(folder, name), 'utf8')]))
}
