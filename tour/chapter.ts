// The chapter: what breaks, what others do about it, what we do, and whether it held.
import { releaseOf } from '../test/live/release.ts'
import { until } from '../test/live/until.ts'
import { TASKS, type World } from './world.ts'

export interface Scene {
  readonly title: string
  readonly does: string
  readonly mesos: string
  readonly nomad: string
  /** Plays it and gives what was seen, in words; throws when it did not hold. `now` says what is waited for. */
  readonly play: (world: World, now: (text: string) => void) => Promise<string>
}

const PATIENCE_MS = 60_000
/** Of the profile, and a little: a crash after a crash would make the next verdict look faster than it is. */
const BEAT_MS = 4_000
/** Told p99 is the timeout of 9 s and 3 s; a machine that is busy with other things gets as much again. */
const TOLD_MS = 24_000

/** Peers: recorded 2026-11 on a Linux machine with 2 cores; see bench/peers.json. */
export const CHAPTER: readonly Scene[] = [
  {
    title: 'A machine fails',
    does: 'machine 0 loses its power: agent, shims and tasks are killed at once',
    mesos: 'tells its frameworks after 80–84 s; at its tightest after 1.5–1.8 s',
    nomad: 'replaces after 20.9 s (p50); at its tightest after 2.4 s',
    async play(world, now) {
      const tasks = world.tasksOn(0)
      const agent = world.machine(0).agentId
      const from = world.scheduler.words.length
      const at = performance.now()
      world.machine(0).fail()
      now('the framework to be told')
      const told = await world.scheduler.until('failure', (word) => word.agent === agent, {
        from,
        withinMs: PATIENCE_MS,
      })
      now('its tasks to run elsewhere')
      const replaced = await world.untilReplaced(tasks, from)
      await world.untilKept(TASKS)
      hold(tasks.length > 0, 'machine 0 had no task to lose')
      hold(world.tasksOn(0).length === 0, 'something still runs on machine 0')
      hold(told.at - at < TOLD_MS, `the framework was told only after ${seconds(told.at - at)}`)
      return `told after ${seconds(told.at - at)}; ${tasks.length} tasks run elsewhere after ${seconds(replaced - at)}`
    },
  },
  {
    title: 'An agent has a bug',
    does: 'the agent of machine 1 is killed with -9 and started again',
    mesos: 'keeps the tasks of a framework that asked for checkpoints',
    nomad: 'keeps the tasks, if its plugins find them again',
    play: (world, now) =>
      restarted(world, now, {
        end: () => world.machine(1).endAgent('SIGKILL'),
        start: () => world.machine(1).start(),
      }),
  },
  {
    title: 'An agent is upgraded',
    does: 'machine 1 gets another release of the agent, in place',
    mesos: 'keeps the tasks, if both versions can read the checkpoint',
    nomad: 'keeps the tasks, if both versions can read its state',
    async play(world, now) {
      const root = releaseOf('0.1.1-tour', world.cluster.dataDir)
      const seen = await restarted(world, now, {
        end: () => world.machine(1).endAgent('SIGTERM'),
        start: () => world.machine(1).start(root),
      })
      const id = world.machine(1).agentId
      const { version } = (await world.agents()).find((agent) => agent.id === id) ?? {}
      hold(version === '0.1.1-tour', `the control plane sees version ${version} of the agent`)
      return `${seen}; it is ${version} now`
    },
  },
  {
    title: 'A framework fails over',
    does: 'the scheduler is killed with -9, and a new one takes over its id',
    mesos: 'keeps the tasks for the failover timeout; what its master forgot, agents tell anew',
    nomad: 'has its schedulers inside its servers: see the control plane',
    async play(world, now) {
      const tasks = [...world.running().keys()]
      const before = world.identities(tasks)
      const at = performance.now()
      await world.scheduler.kill()
      const scheduler = world.restartScheduler()
      now('the new scheduler to know every task')
      await scheduler.until('subscribed', () => true, { withinMs: PATIENCE_MS })
      const heard = await Promise.all(
        tasks.map((task) =>
          scheduler.until('update', (word) => word.task === task && word.status.state === 'TASK_RUNNING', {
            withinMs: PATIENCE_MS,
          }),
        ),
      )
      const known = Math.max(...heard.map((word) => word.at))
      await world.untilKept(TASKS)
      hold(world.identities(tasks) === before, 'tasks were touched')
      return `it knows all ${tasks.length} tasks after ${seconds(known - at)}, its own start included; every pid is the same`
    },
  },
  {
    title: 'The control plane crashes',
    does: 'the control plane is killed with -9, its queues too, and started again',
    mesos:
      'next launch after 7.8–10.4 s with three masters, 70 s with one; its memory is rebuilt by its agents',
    nomad: 'next launch after 4.0–4.2 s with three servers',
    async play(world, now) {
      const tasks = [...world.running().keys()]
      const before = world.identities(tasks)
      const from = world.scheduler.words.length
      const at = performance.now()
      await world.cluster.killControlPlane()
      world.scheduler.wish({ want: TASKS + 1 })
      now('it to start')
      await world.cluster.startAgain()
      const ready = performance.now()
      now('the next launch')
      const next = await world.scheduler.until(
        'update',
        ({ task, status }) => !tasks.includes(task) && status.state === 'TASK_RUNNING',
        { from, withinMs: PATIENCE_MS },
      )
      await world.untilKept(TASKS + 1)
      hold(world.identities(tasks) === before, 'tasks were touched')
      hold(!toldOfEnd(world, tasks, from), 'the framework was told of an end that did not happen')
      return `next launch runs after ${seconds(next.at - at)} (${seconds(ready - at)} of it until it said ready); every pid is the same`
    },
  },
  {
    title: 'Control plane and machine together',
    does: 'the control plane is killed and machine 2 loses its power in the same moment',
    mesos: 'was not recorded; its new master gives agents ten minutes to come back',
    nomad: 'replaces after 303 s',
    async play(world, now) {
      now('every agent to have beaten since the last crash')
      await new Promise((resolve) => setTimeout(resolve, BEAT_MS))
      const tasks = world.tasksOn(2)
      const from = world.scheduler.words.length
      const at = performance.now()
      const dying = world.cluster.killControlPlane()
      world.machine(2).fail()
      await dying
      now('it to start')
      await world.cluster.startAgain()
      now('the tasks to run elsewhere')
      const replaced = await world.untilReplaced(tasks, from)
      await world.untilKept(TASKS + 1)
      hold(tasks.length > 0, 'machine 2 had no task to lose')
      hold(world.tasksOn(2).length === 0, 'something still runs on machine 2')
      hold(replaced - at < 2 * TOLD_MS, `that took ${seconds(replaced - at)}`)
      return `${tasks.length} tasks run elsewhere after ${seconds(replaced - at)}`
    },
  },
  {
    title: 'The repaired machine returns',
    does: 'machines 0 and 2 are switched on again; one more task is wanted, on machine 0',
    mesos: 'takes it back under its old id',
    nomad: 'takes it back under its old id',
    async play(world, now) {
      const ids = (await world.scheduler.view())?.surplus.map(({ agent }) => agent) ?? []
      const from = world.scheduler.words.length
      const at = performance.now()
      world.machine(0).start()
      world.machine(2).start()
      now('it to register')
      const [agent] = await Promise.all([
        world.machine(0).untilRegistered(),
        world.machine(2).untilRegistered(),
      ])
      const registered = performance.now()
      world.scheduler.wish({ want: TASKS + 2, only: agent })
      now('offers of it')
      const offered = await world.scheduler.until('offers', ({ agents }) => agents.includes(agent), {
        from,
        withinMs: PATIENCE_MS,
      })
      now('a task on it')
      const ran = await world.scheduler.until(
        'update',
        ({ status }) => status.agent_id?.value === agent && status.state === 'TASK_RUNNING',
        { from, withinMs: PATIENCE_MS },
      )
      await world.untilKept(TASKS + 2)
      hold(ids.length === 0 || ids.includes(agent), 'it came back under another id')
      hold(world.tasksOn(0).length === 1, 'machine 0 does not run exactly the new task')
      now('what was lost on them to be settled')
      await until(
        'the lost tasks are settled',
        async () => (await world.scheduler.view())?.surplus.length === 0,
        PATIENCE_MS,
      )
      return `registered under its old id after ${seconds(registered - at)}, offered after ${seconds(offered.at - at)}, a task runs on it after ${seconds(ran.at - at)}`
    },
  },
]

/** The agent of machine 1 goes and comes; its tasks must not notice. */
async function restarted(
  world: World,
  now: (text: string) => void,
  acts: { readonly end: () => Promise<void>; readonly start: () => void },
): Promise<string> {
  const tasks = world.tasksOn(1)
  hold(tasks.length > 0, 'machine 1 has no task to keep')
  const before = world.identities(tasks)
  const id = world.machine(1).agentId
  const from = world.scheduler.words.length
  const at = performance.now()
  await acts.end()
  acts.start()
  now('the agent to be registered again')
  const again = await world.machine(1).untilRegistered()
  const registered = performance.now()
  hold(again === id, 'it came back under another id')
  hold(world.identities(tasks) === before, 'tasks were touched')
  hold(!toldOfEnd(world, tasks, from), 'the framework was told of an end that did not happen')
  return `${tasks.length} tasks keep their pids, the framework noticed nothing; registered again after ${seconds(registered - at)}`
}

/** What it asks for itself says again that they run. */
function toldOfEnd({ scheduler }: World, tasks: readonly string[], from: number): boolean {
  return scheduler.words
    .slice(from)
    .some(
      (word) => word.word === 'update' && tasks.includes(word.task) && word.status.state !== 'TASK_RUNNING',
    )
}

function hold(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise)
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}
