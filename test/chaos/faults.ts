// What each fault does to the real processes, and how it is repaired.
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { RealProcess } from '../live/really-running.ts'
import type { FaultName } from './plan.ts'
import { type ChaosWorld, isExecutor } from './world.ts'

export interface Begun {
  /** What was broken, for the story. */
  readonly what: string
  /** Nobody else may break or repair this meanwhile. */
  readonly holds: string
  readonly repair: () => Promise<void> | void
}

export interface Chosen {
  readonly world: ChaosWorld
  /** From 0 to just below 1. */
  readonly target: number
  readonly forMs: number
  readonly isHeld: (what: string) => boolean
}

/** Gives a sentence when there is nothing to break just now. */
export type Fault = (chosen: Chosen) => Promise<Begun | string> | Begun | string

const PLANE = 'the control plane'
const SCHEDULER = 'the scheduler'

export const FAULTS: Readonly<Record<FaultName, Fault>> = {
  'agent killed': (chosen) =>
    onMachine(chosen, async ({ world, index, holds }) => {
      world.mean(holds)
      await world.machine(index).endAgent('SIGKILL')
      return { what: holds, holds, repair: () => startAgent(world, index) }
    }),
  'agent stopped': (chosen) =>
    onMachine(chosen, ({ world, index, holds }) => {
      world.machine(index).signal('SIGSTOP')
      return { what: holds, holds, repair: () => world.machine(index).signal('SIGCONT') }
    }),
  'agent restarted as another release': (chosen) =>
    onMachine(chosen, async ({ world, index, holds }) => {
      const machine = world.machine(index)
      world.mean(holds)
      await machine.endAgent('SIGTERM')
      world.flipRelease(index)
      return {
        what: `${holds}, which is ${world.releaseOf(index) === world.newer ? 'newer' : 'as before'} now`,
        holds,
        repair: () => startAgent(world, index),
      }
    }),
  'machine fails': (chosen) =>
    onMachine(chosen, ({ world, index, holds }) => {
      world.mean(holds)
      const killed = world.machine(index).fail()
      return {
        what: `machine ${index}, ${killed} processes`,
        holds,
        repair: () => startAgent(world, index),
      }
    }),
  'machine cut off': (chosen) =>
    onMachine(chosen, ({ world, index, forMs, holds }) => {
      world.machine(index).cutOffUntil(Date.now() + forMs)
      return { what: `machine ${index}`, holds, repair: () => world.machine(index).cutOffUntil(0) }
    }),
  'disk full': ({ world, isHeld }) => {
    if (world.noDisk !== undefined) return world.noDisk
    const holds = 'agent 0'
    if (isHeld(holds)) return 'machine 0 is broken already'
    // Its agent may give up, and be started again when there is room.
    world.mean(holds)
    const filler = join(world.machine(0).workDir, 'filler')
    fill(filler)
    return {
      what: 'of machine 0',
      holds,
      repair() {
        rmSync(filler, { force: true })
        if (world.machine(0).pid === undefined) startAgent(world, 0)
        else world.expect(holds)
      },
    }
  },
  'executor killed': (chosen) => killed(chosen, chosen.world.executors(), 'an executor'),
  'executor stopped': (chosen) => stopped(chosen, chosen.world.executors(), 'an executor'),
  'shim killed': (chosen) => killed(chosen, chosen.world.shims(), 'a shim'),
  'shim stopped': (chosen) => stopped(chosen, chosen.world.shims(), 'a shim'),
  'task killed': (chosen) => killed(chosen, chosen.world.taskProcesses(), 'a process of a task'),
  'table killed': async ({ world, isHeld }) => {
    if (isHeld(PLANE)) return 'the control plane is broken already'
    const start = await world.killTable()
    return start === undefined
      ? 'the table does not run'
      : { what: 'the emulator of DynamoDB', holds: PLANE, repair: start }
  },
  'table stopped': ({ world, isHeld }) => {
    const running = world.table()
    if (isHeld(PLANE) || running === undefined) return 'the control plane is broken already'
    process.kill(running.pid, 'SIGSTOP')
    return {
      what: 'the emulator of DynamoDB',
      holds: PLANE,
      repair: () => void process.kill(running.pid, 'SIGCONT'),
    }
  },
  'control plane killed': async ({ world, isHeld }) => {
    if (isHeld(PLANE)) return 'it is broken already'
    await world.killControlPlane()
    return { what: 'and the queues with it', holds: PLANE, repair: () => world.startControlPlane() }
  },
  'control plane stopped': ({ world, isHeld }) => {
    const pid = world.cluster.pid()
    if (isHeld(PLANE) || pid === undefined) return 'it is broken already'
    process.kill(pid, 'SIGSTOP')
    return {
      what: 'and the queues with it',
      holds: PLANE,
      repair: () => void process.kill(pid, 'SIGCONT'),
    }
  },
  'control plane restarted as another release': async ({ world, isHeld }) => {
    if (isHeld(PLANE)) return 'it is broken already'
    await world.killControlPlane()
    return { what: 'which is newer now', holds: PLANE, repair: () => world.startControlPlane(world.newer) }
  },
  'queues cut': async ({ world, isHeld, forMs }) => {
    if (isHeld(PLANE)) return 'the control plane is broken already'
    const answer = await fetch(`${world.cluster.url}/api/v1/meseta`, {
      method: 'POST',
      body: JSON.stringify({ type: 'CUT_QUEUES', cut_queues: { seconds: forMs / 1_000 } }),
    })
    if (!answer.ok) throw new Error(`the queues could not be cut: ${await answer.text()}`)
    return { what: 'for everybody', holds: PLANE, repair: () => {} }
  },
  'scheduler killed': async ({ world, isHeld }) => {
    if (isHeld(SCHEDULER)) return 'it is broken already'
    world.mean(SCHEDULER)
    await world.scheduler.kill()
    return { what: 'its memory stays', holds: SCHEDULER, repair: () => world.restartScheduler() }
  },
  'scheduler stopped': ({ world, isHeld }) => {
    if (isHeld(SCHEDULER)) return 'it is broken already'
    const { pid } = world.scheduler
    process.kill(pid, 'SIGSTOP')
    return {
      what: 'its socket stays open',
      holds: SCHEDULER,
      repair: () => void process.kill(pid, 'SIGCONT'),
    }
  },
}

async function onMachine(
  chosen: Chosen,
  act: (on: {
    readonly world: ChaosWorld
    readonly index: number
    readonly forMs: number
    readonly holds: string
  }) => Begun | Promise<Begun>,
): Promise<Begun | string> {
  const { world, target, forMs, isHeld } = chosen
  const whole = world.machines.filter(({ index, pid }) => pid !== undefined && !isHeld(`agent ${index}`))
  const machine = whole[Math.floor(target * whole.length)]
  if (machine === undefined) return 'every machine is broken already'
  return await act({ world, index: machine.index, forMs, holds: `agent ${machine.index}` })
}

function startAgent(world: ChaosWorld, index: number): void {
  world.machine(index).start(world.releaseOf(index))
  world.expect(`agent ${index}`)
}

function killed({ target, world }: Chosen, from: readonly RealProcess[], noun: string): Begun | string {
  const one = from[Math.floor(target * from.length)]
  if (one === undefined) return `${noun} is not to be found`
  signal(one.pid, 'SIGKILL')
  return { what: described(world, one, noun), holds: `process ${one.pid}`, repair: () => {} }
}

function stopped({ target, world }: Chosen, from: readonly RealProcess[], noun: string): Begun | string {
  const one = from[Math.floor(target * from.length)]
  if (one === undefined) return `${noun} is not to be found`
  signal(one.pid, 'SIGSTOP')
  return {
    what: described(world, one, noun),
    holds: `process ${one.pid}`,
    repair: () => signal(one.pid, 'SIGCONT'),
  }
}

function described({ mark }: ChaosWorld, one: RealProcess, noun: string): string {
  const of = one.environment.KEPT_TASK?.slice(mark.length + 1)
  return `pid ${one.pid}${of === undefined || isExecutor(one) ? '' : ` of ${of}`}${noun === 'a shim' ? ` below ${one.parent}` : ''}`
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It ended by itself.
  }
}

/** Writes until nothing more can be written. */
function fill(file: string): void {
  const handle = openSync(file, 'w')
  const block = Buffer.alloc(64 * 1024)
  try {
    for (let size = block.length; size > 0; ) {
      try {
        writeSync(handle, block, 0, size)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        size = Math.floor(size / 2)
      }
    }
  } finally {
    closeSync(handle)
  }
}
