// One simulation: a cluster of machines and frameworks, faults by the seed, then quiet, then the last look.
import { memoryQueues } from '../../functions/ports/queues-memory.ts'
import {
  localSettings,
  type ProfileName,
  READER_PAUSES,
  type ReaderPauses,
  type Settings,
} from '../../master/settings.ts'
import { memoryRows } from '../../store/memory.ts'
import { storeOver } from '../../store/over-rows.ts'
import { UNBILLED_UNIT_BYTES } from '../../store/packing.ts'
import { type BackedUpRows, backedUp } from './backups.ts'
import { observedQueues } from './check-queues.ts'
import { Checker } from './checker.ts'
import { Cloud } from './cloud.ts'
import { chosen, type FaultMix, faultsOf, needsCloud, USUAL, type World } from './faults.ts'
import { SimFramework } from './framework.ts'
import { Histories } from './linearizability-histories.ts'
import { type AgentMutation, Machine } from './machine.ts'
import type { Network } from './network.ts'
import { Operator } from './operator.ts'
import { type Around, type Mutation, Plane } from './plane.ts'
import { BEFORE_QUIET_MS, Restores } from './restores.ts'
import { Story, Violation } from './story.ts'
import { throttledStore } from './throttle.ts'
import { nextRelease } from './versions.ts'
import { Chance, VirtualTime } from './virtual-time.ts'
import { type Rates, ROUGH, Weather } from './weather.ts'

export interface SimulationOptions {
  readonly seed: number
  readonly hours: number
  readonly agents: number
  readonly profile: ProfileName
  readonly mutation?: Mutation | undefined
  readonly agentMutation?: AgentMutation | undefined
  /** Which faults strike, how often beside each other; the usual ones when absent. */
  readonly faults?: FaultMix | undefined
  /** The longest time between two of them, ms. */
  readonly strikeMs?: number | undefined
  /** Of small faults, before the seed scales them. */
  readonly rates?: Partial<Rates> | undefined
  readonly settings?: Partial<Settings> | undefined
  readonly around?: Around | undefined
  /** What happens besides, at fixed times. */
  readonly script?: ((world: World) => void) | undefined
  /** The last part of the run, ms; half of it when absent, at least 6 minutes and at most 15. */
  readonly quietMs?: number | undefined
  /** Whether the table goes back in time once; absent: in one run of eight. */
  readonly restores?: boolean | undefined
  /** ACCEPTs larger than one transaction; absent: one in a run of ten. */
  readonly bursts?: number | undefined
}

export interface SimulationOutcome {
  readonly seed: number
  readonly hash: string
  readonly steps: number
  readonly commits: number
  readonly violation:
    | { readonly invariant: string; readonly text: string; readonly story: readonly string[] }
    | undefined
  readonly counts: Readonly<Record<string, number>>
}

const REGION = 'here'
const START = Date.UTC(2030, 0, 1)
/** Bells of the same host wake readers; that they look by themselves is mostly a test of patience. */
const RARE_LOOKS: ReaderPauses = { firstMs: 2_000, longestMs: 10_000, busyForMs: 30_000, idleMs: 30_000 }
/** Runs in which the table goes back in time. */
const RESTORES = 1 / 8
/** Nothing is begun in the last of the quiet. */
const STILL_MS = 4 * 60_000
/** Tasks end by themselves for so long after the last fault. */
const CALM_MS = 4 * 60_000
/** What ended can be replaced. */
const REPLACING_MS = 120_000

export async function simulate(options: SimulationOptions): Promise<SimulationOutcome> {
  const time = new VirtualTime(START)
  const chance = new Chance(options.seed, 'world')
  const story = new Story(time)
  const weather = new Weather(time)
  const settings = localSettings(options.profile, {
    beatShards: chance.whole(1, 2),
    gatesPerFramework: chance.whole(1, 2),
    readerPauses: chance.happens(0.1) ? READER_PAUSES : RARE_LOOKS,
    region: REGION,
    ...options.settings,
  })
  const checker = new Checker({ time, story, weather, settings })
  const length = options.hours * 3_600_000
  const end = START + length
  const quietMs = options.quietMs ?? Math.min(15 * 60_000, Math.max(6 * 60_000, length / 2))
  const quietFrom = end - quietMs
  const stillFrom = end - Math.min(STILL_MS, quietMs * 0.35)
  const lastEnd = Math.min(stillFrom - REPLACING_MS, quietFrom + CALM_MS)
  const hasCloud = options.faults === undefined ? chance.happens(0.5) : needsCloud(options.faults)
  const errors = (text: string) => checker.violated('S20', `an error that no fault explains: ${text}`)
  const histories = new Histories(time)
  const queues = observedQueues(memoryQueues(time), checker)
  const cloud = hasCloud
    ? new Cloud({
        time,
        chance: new Chance(options.seed, 'cloud'),
        story,
        weather,
        queues,
        observer: checker,
      })
    : undefined
  // Its own chance: runs without a restore are what they were.
  const restoreChance = new Chance(options.seed, 'restore')
  const isUsual = options.faults === undefined && options.script === undefined
  // With shorter timeouts agents that beat are marked while they register anew (docs/status.md).
  const isPatient = options.profile === 'mesos'
  const isByChance = options.restores ?? (isUsual && isPatient && restoreChance.happens(RESTORES))
  const rows: BackedUpRows | undefined =
    isByChance || (options.faults?.restore ?? 0) > 0 ? backedUp(memoryRows(), time) : undefined
  const table = storeOver(rows ?? memoryRows(), time, { unitBytes: UNBILLED_UNIT_BYTES, remembers: true })
  // Started first: this clock drives everything, also its own making.
  const making = Plane.start({
    time,
    chance,
    weather,
    story,
    histories,
    store: checker.observed(throttledStore(table, weather)),
    queues,
    settings,
    cloud,
    fronts: chance.whole(2, 4),
    areClocksRight: rows !== undefined,
    mutation: (env, name) => {
      const released = chance.happens(0.25) ? nextRelease(env) : env
      return options.mutation?.(released, name) ?? released
    },
    around: options.around,
    onLog: (text) => checker.logged(text),
    onError: errors,
  })
  await time.run(START + 1_000, () => true)
  const plane = await making
  const network: Network = { time, chance, weather, plane: () => plane, histories }
  const hasZones = chance.happens(0.5)
  const machines = Array.from({ length: options.agents }, (_, index) => {
    const domain = { fault_domain: { region: { name: REGION }, zone: { name: `zone${index % 3}` } } }
    const info = {
      hostname: `host${index}`,
      port: 5051,
      ...(hasZones ? { domain } : {}),
      resources: [
        { name: 'cpus', type: 'SCALAR' as const, scalar: { value: 4 } },
        { name: 'mem', type: 'SCALAR' as const, scalar: { value: 4096 } },
        { name: 'disk', type: 'SCALAR' as const, scalar: { value: 10_240 } },
        { name: 'ports', type: 'RANGES' as const, ranges: { range: [{ begin: 31000, end: 31999 }] } },
      ],
    }
    const parts = {
      weather,
      story,
      network,
      queues,
      lastEnd,
      observer: checker,
      mutation: options.agentMutation,
    }
    return new Machine({ ...parts, name: `host${index}`, info, instanceId: cloud?.run() })
  })
  const frameworks = Array.from({ length: 4 }, (_, index) => {
    const role = index % 2 === 0 ? 'web' : 'batch'
    const partition = index === 3 ? [] : [{ type: 'PARTITION_AWARE' as const }]
    const info = {
      user: 'root',
      name: `framework${index}`,
      roles: [role],
      checkpoint: true,
      failover_timeout: index === 2 ? 120 : 600,
      capabilities: [{ type: 'MULTI_ROLE' as const }, ...partition],
    }
    const wanted = Math.max(2, Math.floor(options.agents * 0.25))
    const parts = {
      network,
      story,
      observer: checker,
      info,
      wanted,
      cpusPerTask: 0.5 + 0.5 * (index % 2),
      lastEnd,
      stillFrom,
      bursts: index === 0 ? (options.bursts ?? (chance.happens(0.1) ? 1 : 0)) : 0,
    }
    return new SimFramework({ ...parts, name: `framework${index}` })
  })

  for (const machine of machines) time.after(chance.between(0, 20_000), () => void start(machine))
  for (const framework of frameworks) {
    time.after(chance.between(0, 20_000), () => void framework.connect())
    every(60_000, () => framework.look())
  }
  weather.scale({ ...ROUGH, ...options.rates }, chance.between(0.2, 1.5))
  const { timeoutMs } = settings.profile
  const operator = new Operator(network, story)
  const restores =
    rows === undefined
      ? undefined
      : new Restores({
          ...{ time, chance: restoreChance, story, weather, table: rows, plane, checker, histories },
          ...{ store: table, operator, frameworks, start: START, quietFrom },
        })
  const world: World = {
    ...{ time, chance, story, weather, plane, machines, frameworks, timeoutMs, start, operator },
    restores,
    cloud,
    quietFrom,
    drains: (agentId) => checker.drains(agentId),
    marksGone: (agentId) => {
      checker.marksGone(agentId)
      restores?.marksGone(agentId)
    },
    tearsDown: (frameworkId) => checker.torndown(frameworkId),
  }
  const faults = faultsOf(world)
  options.script?.(world)
  const strike = () => {
    if (time.now() > quietFrom) return
    const name = chosen(options.faults ?? USUAL, chance)
    if (name !== undefined) faults[name]()
    time.after(chance.between(5_000, options.strikeMs ?? 60_000), strike)
  }
  time.after(30_000, strike)
  const latest = quietFrom - START - BEFORE_QUIET_MS
  if (isByChance) time.after(restoreChance.between(90_000, latest), () => restores?.strike())
  let quietSince: number | undefined
  time.after(quietFrom - time.now(), () => {
    story.tell('FAULT no more faults from here')
    quietSince = time.now()
    weather.clear()
    for (const machine of machines) {
      machine.heal()
      if (machine.isOver) machine.renew()
      void start(machine)
    }
    for (const framework of frameworks) {
      framework.wake()
      if (framework.isDown) framework.rise()
      else void framework.connect()
    }
  })
  time.after(lastEnd - time.now(), () => {
    for (const framework of frameworks) framework.reconcile()
  })

  let steps = 0
  await time.run(end, () => {
    if (++steps % 100 === 0) checker.often(quietSince)
    return checker.first === undefined
  })
  if (checker.first === undefined)
    checker.atTheEnd(frameworks, machines, stillFrom - REPLACING_MS - quietFrom)
  const untold = checker.first === undefined ? histories.broken() : undefined
  if (untold !== undefined) checker.violated(untold.invariant, untold.text, untold.about)
  const { first } = checker
  return {
    seed: options.seed,
    hash: story.digest(),
    steps,
    commits: checker.commits,
    violation:
      first === undefined
        ? undefined
        : { invariant: first.invariant, text: first.message, story: story.last(first.about) },
    counts: {
      updates: checker.updatesHeard,
      marked: checker.marked,
      removed: checker.removedFrameworks,
      tasks: checker.tasks.size,
    },
  }

  function start(machine: Machine): Promise<void> {
    return machine.start().catch((error: unknown) => {
      checker.violated(
        'S20',
        `${machine.name}: ${error instanceof Error ? error.stack : String(error)}`,
        machine.name,
      )
    })
  }

  function every(ms: number, action: () => void): void {
    time.after(ms * chance.between(0.8, 1.2), () => {
      action()
      every(ms, action)
    })
  }
}

export { Violation }
