// What strikes a simulated cluster now and then: deaths, partitions, outages, people; one table, chosen from by chance.
import type { Cloud } from './cloud.ts'
import type { SimFramework } from './framework.ts'
import type { Machine } from './machine.ts'
import type { Operator } from './operator.ts'
import type { Plane } from './plane.ts'
import type { Restores } from './restores.ts'
import type { Story } from './story.ts'
import type { Chance, VirtualTime } from './virtual-time.ts'
import { CALM, type Weather } from './weather.ts'

export interface World {
  readonly time: VirtualTime
  readonly chance: Chance
  readonly story: Story
  readonly weather: Weather
  readonly plane: Plane
  readonly machines: readonly Machine[]
  readonly frameworks: readonly SimFramework[]
  readonly operator: Operator
  /** Absent where the table has no backups. */
  readonly restores?: Restores | undefined
  readonly timeoutMs: number
  /** Absent where machines are no EC2 instances. */
  readonly cloud?: Cloud | undefined
  /** When all becomes quiet, ms since 1970: what takes long is not begun shortly before. */
  readonly quietFrom: number
  /** Said before the call is made: it may take effect without an answer. */
  marksGone(agentId: string): void
  start(machine: Machine): Promise<void>
  /** Said before the call is made: it may take effect without an answer. */
  drains(agentId: string): void
  tearsDown(frameworkId: string): void
}

/** How often each of them comes beside the others. */
export const USUAL = {
  killAgent: 4,
  loseMachine: 2,
  partition: 3,
  massPartition: 1,
  killFramework: 2,
  takeOver: 2,
  silence: 2,
  teardown: 1,
  killHost: 4,
  pauseHost: 2,
  redeploy: 2,
  storeAway: 1,
  queuesAway: 1,
  markGone: 1,
  deactivate: 1,
  drain: 1,
  operatorTeardown: 0.3,
  throttle: 1,
  zoneAway: 0.5,
  doubleHost: 1,
  stopInstance: 1,
  terminateInstance: 1,
  interruptSpot: 0.7,
  scaleIn: 0.7,
  /** In runs with backups it comes once, by itself. */
  restore: 0,
}

export type FaultName = keyof typeof USUAL
export type FaultMix = Readonly<Partial<Record<FaultName, number>>>

/** Whether it holds what only EC2 does to machines. */
export function needsCloud(mix: FaultMix): boolean {
  const names = ['stopInstance', 'terminateInstance', 'interruptSpot', 'scaleIn'] as const
  return names.some((name) => mix[name] !== undefined)
}

/** One fault of the mix. */
export function chosen(mix: FaultMix, chance: Chance): FaultName | undefined {
  // Its keys are those of the type.
  const names = Object.entries(mix) as [FaultName, number][]
  let left = chance.next() * names.reduce((sum, [, weight]) => sum + weight, 0)
  return names.find(([, weight]) => {
    left -= weight
    return left < 0
  })?.[0]
}

export function faultsOf(world: World): Readonly<Record<FaultName, () => void>> {
  const { time, chance, story, weather, plane, machines, frameworks, operator, timeoutMs } = world
  const { cloud, quietFrom } = world
  const isLongBefore = (when: number, ms: number) => time.now() + ms < when
  const machine = () => chance.of(machines)
  const framework = () => chance.of(frameworks)
  const outage = (what: 'store' | 'queues') => {
    const ms = chance.between(10_000, 240_000)
    story.tell(`FAULT ${what} away for ${seconds(ms)}`)
    weather.takeAway(what, ms)
  }
  const cutOff = (one: Machine, ms: number) => {
    story.tell(`FAULT ${one.name} is cut off for ${seconds(ms)}`, one.name, one.agentId)
    one.partition(ms)
  }
  return {
    killAgent() {
      const one = machine()
      story.tell(`FAULT the agent process of ${one?.name} is killed`, one?.name, one?.agentId)
      one?.killProcess()
      const wait = chance.between(500, chance.happens(0.2) ? 200_000 : 20_000)
      time.after(wait, () => one && void world.start(one))
    },
    loseMachine() {
      const one = machine()
      story.tell(`FAULT ${one?.name} loses its power`, one?.name, one?.agentId)
      one?.powerOff()
      time.after(chance.between(20_000, 300_000), () => one && void world.start(one))
    },
    partition() {
      const one = machine()
      if (one !== undefined) cutOff(one, chance.between(0.1, 3.2) * timeoutMs)
    },
    /** Most of the machines at once, for longer than the timeout: nobody should believe it at once (S15). */
    massPartition() {
      const ms = chance.between(0.7, 3) * timeoutMs
      for (const one of machines) if (chance.happens(0.7)) cutOff(one, ms)
    },
    killFramework() {
      const one = framework()
      const ms = chance.of([3_000, 20_000, 100_000, 250_000]) ?? 0
      story.tell(`FAULT ${one?.name} dies for ${ms / 1000} s`, one?.name, one?.frameworkId)
      one?.die(chance.happens(0.6))
      time.after(ms, () => one?.rise())
    },
    takeOver() {
      const one = framework()
      story.tell(`FAULT another instance of ${one?.name} takes over`, one?.name, one?.frameworkId)
      one?.takeOver()
    },
    silence() {
      const one = framework()
      if (one === undefined) return
      story.tell(`FAULT ${one.name} neither acknowledges nor answers offers`, one.name, one.frameworkId)
      one.isSilent = true
      time.after(chance.between(20_000, 400_000), () => one.wake())
    },
    teardown: () => void framework()?.teardown(),
    killHost: () => story.tell(`FAULT ${plane.killOne(chance)} dies`),
    pauseHost() {
      const ms = chance.between(5_000, 70_000)
      story.tell(`FAULT ${plane.pauseOne(chance, ms)} sleeps for ${seconds(ms)}`)
    },
    redeploy() {
      story.tell('FAULT the control plane is deployed anew')
      plane.deploy()
    },
    storeAway: () => outage('store'),
    queuesAway: () => outage('queues'),
    /** Often one that is cut off just now; repaired, its machine comes back as a new agent. */
    markGone() {
      const one = chance.of(machines.filter((each) => each.isCutOff())) ?? machine()
      const { agentId } = one ?? {}
      if (one === undefined || agentId === undefined) return
      world.marksGone(agentId)
      const call = { type: 'MARK_AGENT_GONE', mark_agent_gone: { agent_id: { value: agentId } } } as const
      void operator.call(call, one.name, agentId)
      time.after(chance.between(60_000, 300_000), () => {
        if (one.agentId !== undefined && one.agentId !== agentId) return
        // In the quiet nobody takes a machine away that was never gone.
        if (weather.rates === CALM) return
        story.tell(`FAULT ${one.name} is repaired and comes back empty`, one.name, agentId)
        one.renew()
        void world.start(one)
      })
    },
    deactivate() {
      const one = machine()
      const { agentId } = one ?? {}
      if (one === undefined || agentId === undefined) return
      const agent = { agent_id: { value: agentId } }
      const call = { type: 'DEACTIVATE_AGENT', deactivate_agent: agent } as const
      void operator.call(call, one.name, agentId)
      time.after(chance.between(20_000, 200_000), () => {
        void operator.call({ type: 'REACTIVATE_AGENT', reactivate_agent: agent }, one.name, agentId)
      })
    },
    drain() {
      const one = machine()
      const { agentId } = one ?? {}
      if (one === undefined || agentId === undefined) return
      const agent = { agent_id: { value: agentId } }
      const grace = chance.happens(0.5) ? { max_grace_period: { seconds: 5 } } : {}
      world.drains(agentId)
      void operator.call({ type: 'DRAIN_AGENT', drain_agent: { ...agent, ...grace } }, one.name, agentId)
      const reactivate = (tries: number) => {
        if (tries === 0) return
        const call = { type: 'REACTIVATE_AGENT', reactivate_agent: agent } as const
        void operator.call(call, one.name, agentId).then((status) => {
          if (status !== 200) time.after(20_000, () => reactivate(tries - 1))
        })
      }
      time.after(chance.between(20_000, 120_000), () => reactivate(20))
    },
    throttle() {
      const id = chance.happens(0.5) ? machine()?.agentId : framework()?.frameworkId
      const ms = chance.between(2_000, 40_000)
      if (id === undefined) return
      story.tell(`FAULT what stands under ${id} is throttled for ${seconds(ms)}`, id)
      weather.throttle(id, ms)
    },
    /** A whole zone at once: no mistake of ours, and nothing that the guard should hold back (F83). */
    zoneAway() {
      const zone = chance.of([...new Set(machines.flatMap((one) => one.zone ?? []))])
      if (zone === undefined) return
      const ms = chance.between(0.7, 3) * timeoutMs
      story.tell(`FAULT zone ${zone} is away`)
      for (const one of machines) if (one.zone === zone) cutOff(one, ms)
    },
    doubleHost() {
      const ms = chance.between(10_000, 120_000)
      story.tell(`FAULT ${plane.double(chance, ms)} has a twin for ${seconds(ms)}`)
    },
    stopInstance() {
      const one = machine()
      const ms = chance.between(20_000, 200_000)
      if (one === undefined || !isLongBefore(quietFrom, ms + 30_000)) return
      story.tell(`FAULT the instance of ${one.name} is stopped for ${seconds(ms)}`, one.name, one.agentId)
      cloud?.stop(one, ms)
    },
    terminateInstance() {
      const one = machine()
      const ms = chance.between(10_000, 200_000)
      if (one !== undefined && isLongBefore(quietFrom, 60_000 + ms)) cloud?.terminate(one, ms)
    },
    interruptSpot() {
      const one = machine()
      const ms = chance.between(10_000, 100_000)
      if (one !== undefined && isLongBefore(quietFrom, 180_000 + ms)) cloud?.interruptSpot(one, ms)
    },
    scaleIn() {
      const one = machine()
      const ms = chance.between(10_000, 100_000)
      if (one !== undefined && isLongBefore(quietFrom, 360_000 + ms)) cloud?.scaleIn(one, ms)
    },
    restore: () => world.restores?.strike(),
    operatorTeardown() {
      const one = framework()
      const { frameworkId } = one ?? {}
      if (one === undefined || frameworkId === undefined) return
      world.tearsDown(frameworkId)
      const call = { type: 'TEARDOWN', teardown: { framework_id: { value: frameworkId } } } as const
      void operator.call(call, one.name, frameworkId)
    },
  }
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`
}
