// One simulation: a cluster of machines and frameworks, faults by the seed, then quiet, then the last look.
import { memoryQueues } from '../../functions/ports/queues-memory.ts'
import { localSettings, type ProfileName } from '../../master/settings.ts'
import { memoryStore } from '../../store/memory.ts'
import { Checker } from './checker.ts'
import { SimFramework } from './framework.ts'
import { type AgentMutation, Machine } from './machine.ts'
import type { Network } from './network.ts'
import { type Mutation, Plane } from './plane.ts'
import { Story, Violation } from './story.ts'
import { Chance, VirtualTime } from './virtual-time.ts'
import { ROUGH, Weather } from './weather.ts'

export interface SimulationOptions {
  readonly seed: number
  readonly hours: number
  readonly agents: number
  readonly profile: ProfileName
  readonly mutation?: Mutation | undefined
  readonly agentMutation?: AgentMutation | undefined
  /** Called with each event as it happens. */
  readonly verbose?: boolean | undefined
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

const START = Date.UTC(2030, 0, 1)
/** Nothing is begun, and nothing ends by itself, in the last of the quiet. */
const STILL_MS = 4 * 60_000

export async function simulate(options: SimulationOptions): Promise<SimulationOutcome> {
  const time = new VirtualTime(START)
  const chance = new Chance(options.seed, 'world')
  const story = new Story(time)
  const weather = new Weather(time)
  const settings = localSettings(options.profile, {
    beatShards: chance.whole(1, 2),
    gatesPerFramework: chance.whole(1, 2),
  })
  const checker = new Checker({ time, story, weather, settings })
  const length = options.hours * 3_600_000
  const end = START + length
  const quietMs = Math.min(15 * 60_000, Math.max(6 * 60_000, length / 2))
  const quietFrom = end - quietMs
  const stillFrom = end - Math.min(STILL_MS, quietMs * 0.35)
  /** What ends after this could not be replaced before everybody stands still. */
  const lastEnd = stillFrom - 120_000
  const errors = (text: string) => checker.violated('S20', `an error that no fault explains: ${text}`)
  const queues = memoryQueues(time)
  // Started first: this clock drives everything, also its own making.
  const making = Plane.start({
    time,
    chance,
    weather,
    story,
    store: checker.observed(memoryStore({ clock: time })),
    queues,
    settings,
    fronts: chance.whole(2, 4),
    mutation: options.mutation,
    onError: errors,
  })
  await time.run(START + 1_000, () => true)
  const plane = await making
  const network: Network = { time, chance, weather, plane: () => plane }
  const machines = Array.from({ length: options.agents }, (_, index) => {
    const info = {
      hostname: `host${index}`,
      port: 5051,
      resources: [
        { name: 'cpus', type: 'SCALAR' as const, scalar: { value: 4 } },
        { name: 'mem', type: 'SCALAR' as const, scalar: { value: 4096 } },
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
    return new Machine({ ...parts, name: `host${index}`, info })
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
    const wanted = Math.max(2, Math.floor(options.agents * 0.5))
    const parts = {
      network,
      story,
      observer: checker,
      info,
      wanted,
      cpusPerTask: 0.5 + 0.5 * (index % 2),
      lastEnd,
      stillFrom,
    }
    return new SimFramework({ ...parts, name: `framework${index}` })
  })

  for (const machine of machines) time.after(chance.between(0, 20_000), () => void start(machine))
  for (const framework of frameworks) {
    time.after(chance.between(0, 20_000), () => void framework.connect())
    every(30_000, () => framework.look())
  }
  weather.scale(ROUGH, chance.between(0.2, 1.5))
  const fault = faults()
  const strike = () => {
    if (time.now() > quietFrom) return
    chance.of(fault)?.()
    time.after(chance.between(5_000, 60_000), strike)
  }
  time.after(30_000, strike)
  let quietSince: number | undefined
  time.after(quietFrom - time.now(), () => {
    story.tell('FAULT no more faults from here')
    quietSince = time.now()
    weather.clear()
    for (const machine of machines) {
      machine.heal()
      void start(machine)
    }
    for (const framework of frameworks) {
      framework.wake()
      if (framework.isDown) framework.rise()
      else void framework.connect()
    }
  })

  let steps = 0
  await time.run(end, () => {
    if (++steps % 100 === 0) checker.often(quietSince)
    return checker.first === undefined
  })
  if (checker.first === undefined) checker.atTheEnd(frameworks, machines, lastEnd - quietFrom)
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

  function faults(): readonly (() => void)[] {
    const machine = () => chance.of(machines)
    const framework = () => chance.of(frameworks)
    const later = (ms: number, action: () => void) => time.after(ms, action)
    const killAgent = () => {
      const one = machine()
      story.tell(`FAULT the agent process of ${one?.name} is killed`, one?.name, one?.agentId)
      one?.killProcess()
      later(chance.between(500, chance.happens(0.2) ? 200_000 : 20_000), () => one && void start(one))
    }
    const loseMachine = () => {
      const one = machine()
      story.tell(`FAULT ${one?.name} loses its power`, one?.name, one?.agentId)
      one?.powerOff()
      later(chance.between(20_000, 300_000), () => one && void start(one))
    }
    const partition = () => {
      const ms = chance.between(5_000, 240_000)
      const many = chance.happens(0.2) ? Math.ceil(machines.length / 2) : 1
      for (let count = 0; count < many; count++) {
        const one = machine()
        story.tell(`FAULT ${one?.name} is cut off for ${Math.round(ms / 1000)} s`, one?.name, one?.agentId)
        one?.partition(ms)
      }
    }
    const killFramework = () => {
      const one = framework()
      const ms = chance.of([3_000, 20_000, 100_000, 250_000]) ?? 0
      story.tell(`FAULT ${one?.name} dies for ${ms / 1000} s`, one?.name, one?.frameworkId)
      one?.die(chance.happens(0.6))
      later(ms, () => one?.rise())
    }
    const takeOver = () => {
      const one = framework()
      story.tell(`FAULT another instance of ${one?.name} takes over`, one?.name, one?.frameworkId)
      one?.takeOver()
    }
    const silence = () => {
      const one = framework()
      if (one === undefined) return
      story.tell(`FAULT ${one.name} neither acknowledges nor answers offers`, one.name, one.frameworkId)
      one.isSilent = true
      later(chance.between(20_000, 400_000), () => one.wake())
    }
    const teardown = () => {
      if (chance.happens(0.3)) void framework()?.teardown()
    }
    const killHost = () => story.tell(`FAULT ${plane.killOne(chance)} dies`)
    const pauseHost = () => {
      const ms = chance.between(5_000, 70_000)
      story.tell(`FAULT ${plane.pauseOne(chance, ms)} sleeps for ${Math.round(ms / 1000)} s`)
    }
    const redeploy = () => {
      story.tell('FAULT the control plane is deployed anew')
      plane.deploy()
    }
    const outage = (what: 'store' | 'queues') => () => {
      if (!chance.happens(0.5)) return
      const ms = chance.between(10_000, 240_000)
      story.tell(`FAULT ${what} away for ${Math.round(ms / 1000)} s`)
      weather.takeAway(what, ms)
    }
    return [
      ...[
        killAgent,
        killAgent,
        loseMachine,
        partition,
        partition,
        killFramework,
        takeOver,
        silence,
        teardown,
      ],
      ...[killHost, killHost, pauseHost, redeploy, outage('store'), outage('queues')],
    ]
  }
}

export { Violation }
