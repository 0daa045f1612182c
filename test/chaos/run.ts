// `npm run chaos -- --minutes M --seed N`: a real cluster, real processes, faults by seed; at the end all views are one.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import type { LiveCluster } from '../live/cluster.ts'
import { sentence } from '../live/session.ts'
import { until } from '../live/until.ts'
import { type Check, converged, nothingLeft, type Picture, pictureOf, startedTwice } from './convergence.ts'
import { type Begun, FAULTS } from './faults.ts'
import { type PlannedFault, planOf } from './plan.ts'
import { ChaosWorld, endCluster } from './world.ts'

const CONVERGE_MS = 180_000
const STABLE_MS = 3_000
const LOOK_MS = 500
const STATUS_MS = 10_000
/** A program that ended although nobody ended it is started again after so long. */
const AGAIN_MS = 1_000

const options = readOptions()
const began = performance.now()
const story: string[] = []
const strange: string[] = []
const held = new Set<string>()
const repairs = new Set<Promise<void>>()
let cluster: Promise<LiveCluster> | undefined
let world: ChaosWorld | undefined
let passed = 0
let failed = 0
let ending = false
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end('stopped'))
process.on('uncaughtException', (error) => {
  check({ sentence: 'the chaos itself works', wrong: [error.stack ?? error.message] })
  void end()
})

try {
  await play()
} catch (error) {
  check({ sentence: 'the chaos itself works', wrong: [sentence(error)] })
}
await end()

async function play(): Promise<void> {
  const { minutes, seed, profile, agents, tasks } = options
  console.log(
    `chaos: ${minutes} min, seed ${seed}, profile ${profile}, ${agents} agents, ${tasks} tasks wanted`,
  )
  world = await ChaosWorld.start(
    { agents, tasks, profile, onStrange: (what) => onStrange(what) },
    (promise) => {
      cluster = promise
    },
  )
  if (world.noDisk !== undefined) tell(`no full disks: ${world.noDisk}`)
  tell(`data and logs in ${world.cluster.dataDir}`)
  await untilConverged(world)
  tell('everything runs; chaos begins')
  const status = setInterval(() => void tellStatus(), STATUS_MS)
  await faults(world, planOf(seed, minutes * 60_000))
  await Promise.all(repairs)
  clearInterval(status)
  tell('everything is repaired; all views have to become one')
  await judge(world)
}

async function faults(on: ChaosWorld, plan: readonly PlannedFault[]): Promise<void> {
  const start = performance.now()
  for (const fault of plan) {
    await pause(fault.atMs - (performance.now() - start))
    if (ending) return
    const begun = await FAULTS[fault.name]({
      world: on,
      target: fault.target,
      forMs: fault.forMs,
      isHeld: (what) => held.has(what),
    })
    if (typeof begun === 'string') {
      tell(`(${fault.name}: ${begun})`)
      continue
    }
    tell(`${fault.name}: ${begun.what}, for ${(fault.forMs / 1_000).toFixed(1)} s`)
    held.add(begun.holds)
    const repair = repaired(begun, fault)
    repairs.add(repair)
    void repair.finally(() => repairs.delete(repair))
  }
}

async function repaired({ holds, repair }: Begun, { name, forMs }: PlannedFault): Promise<void> {
  await pause(forMs)
  if (ending) return
  try {
    await repair()
  } catch (error) {
    check({ sentence: `'${name}' can be repaired`, wrong: [sentence(error)] })
  }
  held.delete(holds)
}

async function judge(on: ChaosWorld): Promise<void> {
  const since = performance.now()
  const picture = await untilConverged(on)
  tell(`waited ${((performance.now() - since) / 1_000).toFixed(1)} s for that`)
  for (const one of converged(on, picture)) check(one)
  check(startedTwice(on))
  check({ sentence: 'nobody ended whom nobody had ended', wrong: strange })
  on.scheduler.wish({ tell: 'teardown' })
  await on.scheduler.until('removed', () => true, { withinMs: 30_000 }).catch(() => {})
  let last = nothingLeft(on, await pictureOf(on))
  await until(
    'nothing is left',
    async () => {
      last = nothingLeft(on, await pictureOf(on))
      return last.wrong.length === 0
    },
    60_000,
  ).catch(() => {})
  check(last)
  if (failed > 0) writeFileSync(join(on.cluster.dataDir, 'at-the-end.json'), JSON.stringify(picture, null, 2))
}

/** The picture once everything held for a while, or the last one of a long time. */
async function untilConverged(on: ChaosWorld): Promise<Picture> {
  const end = performance.now() + CONVERGE_MS
  let since: number | undefined
  for (;;) {
    const picture = await pictureOf(on)
    const holds = converged(on, picture).every(({ wrong }) => wrong.length === 0)
    if (!holds) since = undefined
    else since ??= performance.now()
    if ((since !== undefined && performance.now() - since >= STABLE_MS) || performance.now() > end || ending)
      return picture
    await pause(LOOK_MS)
  }
}

async function tellStatus(): Promise<void> {
  const view = held.has('the scheduler') ? undefined : await world?.scheduler.view(2_000)
  if (view === undefined || ending) return
  const running = view.kept.filter(({ state }) => state === 'TASK_RUNNING').length
  tell(
    `-- ${running} of ${view.wanted} run as the framework knows, ${world?.tasks().size} tasks have processes, ${view.surplus.length} are to go; broken now: ${[...held].join(', ') || 'nothing'}`,
  )
}

/** It is said at the end, and repaired, so that the chaos goes on. */
function onStrange(what: string): void {
  if (ending) return
  strange.push(what)
  tell(`STRANGE: ${what}`)
  const [, index] = /^agent (\d+)/.exec(what) ?? []
  if (index === undefined) return
  void pause(AGAIN_MS).then(() => {
    const machine = world?.machine(Number(index))
    if (!ending && machine?.pid === undefined) machine?.start(world?.releaseOf(Number(index)))
  })
}

function check({ sentence: text, wrong }: Check): void {
  console.log(`  ${wrong.length === 0 ? 'ok    ' : 'FAILED'} ${text}`)
  for (const one of wrong.slice(0, 20)) console.log(`           ${one}`)
  if (wrong.length === 0) passed++
  else failed++
}

function tell(what: string): void {
  const line = `${((performance.now() - began) / 1_000).toFixed(1).padStart(6)} s  ${what}`
  story.push(line)
  console.log(line)
}

async function end(why?: string): Promise<void> {
  if (ending) return
  ending = true
  const isGood = failed === 0 && passed > 0 && why === undefined
  const isKept = !isGood && why === undefined
  const made = await cluster?.catch(() => undefined)
  if (world !== undefined) await world.end(isKept)
  else if (made !== undefined) await endCluster(made, isKept)
  if (failed > 0) {
    console.log(`\nseed ${options.seed}, ${options.minutes} min, profile ${options.profile}. What happened:`)
    for (const line of story.filter((one) => !one.includes(' s  -- '))) console.log(line)
    console.log(
      `again with: npm run chaos -- --minutes ${options.minutes} --seed ${options.seed} --profile ${options.profile}`,
    )
    if (made !== undefined) console.log(`data and logs are kept in ${made.dataDir}`)
  }
  console.log(why === undefined ? `${passed} passed, ${failed} failed` : why)
  process.exit(isGood ? 0 : why === undefined ? 1 : 130)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)))
}

function readOptions() {
  const positive = (text: string) => {
    const value = Number(text)
    if (!(value > 0)) throw new InvalidArgumentError('a number above 0 is expected')
    return value
  }
  const whole = (text: string) => {
    const value = Number(text)
    if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('a whole number is expected')
    return value
  }
  const given = new Command('npm run chaos --')
    .description('A real cluster under faults drawn from a seed; ends with 0 only if everything converges.')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .option('--minutes <n>', 'how long faults come', positive, 2)
    .option('--seed <n>', 'of the faults', whole, 1)
    .option('--agents <n>', 'each a machine of its own', whole, 3)
    .option('--tasks <n>', 'kept running', whole, 9)
    .addOption(
      new Option('--profile <name>', 'timers; unless given, `fast` for odd seeds').choices([
        'fast',
        'default',
      ]),
    )
    .parse(process.argv.slice(2), { from: 'user' })
    .opts<{ minutes: number; seed: number; agents: number; tasks: number; profile?: 'fast' | 'default' }>()
  return {
    ...given,
    profile: given.profile ?? (given.seed % 2 === 1 ? ('fast' as const) : ('default' as const)),
  }
}
