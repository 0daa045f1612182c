// The numbers monitors read, under Mesos's names: counted from the cluster itself at the time they are asked for.
//
// Mesos counts since its master started; functions come and go, so most counters here are counts of what is on record:
// ended tasks stay on record for an hour. Of one process only are `master/operator_event_stream_subscribers` and
// `system/*`. `allocator/mesos/allocation_runs` counts turns that had something to do. Names whose numbers would be
// made up are left out.
import { cpus, freemem, loadavg, totalmem } from 'node:os'
import { rolesOf } from '../../master/frameworks/roles.ts'
import type { Allocation, Resources } from '../../master/model.ts'
import { sumOf } from '../../master/operator/answers.ts'
import type { ClusterView, ShownFramework } from '../../master/operator/view.ts'
import { isTerminal } from '../../master/task-state.ts'
import type { TaskState } from '../../protocol/messages.ts'
import { firstOf, timelineOf } from '../../protocol/numbering.ts'
import { add, type Quantities, quantities } from '../../protocol/resources.ts'
import { clusterTime } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import type { ChangeFeed } from './feed.ts'
import { loadView } from './view.ts'
import { watch } from './watch.ts'

export type Metrics = Readonly<Record<string, number>>

interface Asking {
  readonly env: Environment
  readonly feed: Pick<ChangeFeed, 'listeners'>
  readonly bornAt: () => Promise<number>
}

export async function metrics({ env, feed, bornAt }: Asking): Promise<Metrics> {
  const begun = env.clock.now()
  const [view, allocation, born, now] = await Promise.all([
    loadView(env, { tasks: true }),
    env.store.get('allocation', {}),
    bornAt(),
    clusterTime(env),
  ])
  return {
    'master/elected': 1,
    'master/uptime_secs': Math.max(0, (now - born) / 1000),
    'master/operator_event_stream_subscribers': feed.listeners(),
    // There are no such queues: every request is its own invocation.
    'master/event_queue_messages': 0,
    'master/event_queue_dispatches': 0,
    'master/event_queue_http_requests': 0,
    'registrar/state_fetch_ms': env.clock.now() - begun,
    ...ofResources(view),
    ...ofAgents(view),
    ...ofFrameworks(view),
    ...ofTasks('master/tasks_', view.frameworks.concat(view.completedFrameworks), () => true),
    ...ofAllocator(view, allocation),
    ...(await watch(env, view)),
    ...ofSystem(),
  }
}

const RESOURCES = ['cpus', 'mem', 'disk', 'gpus'] as const

function ofResources({ agents }: ClusterView): Metrics {
  const found: Record<string, number> = {}
  const total = add(...agents.map(({ ledger }) => ledger.total))
  const used = sumOf(agents.flatMap((agent) => agent.used))
  for (const [kind, isRevocable] of [
    ['', false],
    ['revocable_', true],
  ] as const) {
    const [there, taken] = [total, used].map((resources) => amounts(resources, isRevocable))
    for (const name of RESOURCES) {
      const all = there?.[name] ?? 0
      const some = taken?.[name] ?? 0
      found[`master/${name}_${kind}total`] = all / 1000
      found[`master/${name}_${kind}used`] = some / 1000
      found[`master/${name}_${kind}percent`] = all === 0 ? 0 : some / all
    }
  }
  return found
}

function amounts(resources: Resources, isRevocable: boolean): Quantities {
  return quantities(resources.filter(({ revocable }) => (revocable !== undefined) === isRevocable))
}

function ofAgents({ agents, unreachableAgents }: ClusterView): Metrics {
  const active = agents.filter(({ ledger }) => ledger.life === 'active' && !ledger.deactivated).length
  return {
    'master/slaves_active': active,
    'master/slaves_inactive': agents.length - active,
    'master/slaves_connected': agents.length,
    'master/slaves_disconnected': 0,
    'master/slaves_unreachable': unreachableAgents.length,
    'master/outstanding_offers': agents.reduce((sum, { offered }) => sum + offered.length, 0),
  }
}

function ofFrameworks({ frameworks, completedFrameworks }: ClusterView): Metrics {
  const connected = frameworks.filter(({ framework }) => framework.state === 'connected').length
  const found: Record<string, number> = {
    'master/frameworks_active': connected,
    'master/frameworks_connected': connected,
    'master/frameworks_inactive': frameworks.length - connected,
    'master/frameworks_disconnected': frameworks.length - connected,
  }
  for (const shown of [...frameworks, ...completedFrameworks]) {
    const { info, frameworkId, state, suppressedRoles } = shown.framework
    const prefix = `master/frameworks/${encodeURIComponent(info.name)}/${frameworkId}`
    found[`${prefix}/subscribed`] = state === 'connected' ? 1 : 0
    Object.assign(
      found,
      ofTasks(`${prefix}/tasks/active/`, [shown], (task) => !isTerminal(task), 'task_'),
    )
    Object.assign(found, ofTasks(`${prefix}/tasks/terminal/`, [shown], isTerminal, 'task_'))
    if (state === 'removed') continue
    for (const role of rolesOf(info)) {
      found[`${prefix}/roles/${role}/suppressed`] = suppressedRoles.includes(role) ? 1 : 0
    }
  }
  return found
}

const COUNTED = [
  'TASK_STAGING',
  'TASK_STARTING',
  'TASK_RUNNING',
  'TASK_KILLING',
  'TASK_UNREACHABLE',
  'TASK_FINISHED',
  'TASK_FAILED',
  'TASK_KILLED',
  'TASK_LOST',
  'TASK_ERROR',
  'TASK_DROPPED',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
] as const satisfies readonly TaskState[]

function ofTasks(
  prefix: string,
  frameworks: readonly ShownFramework[],
  isCounted: (state: TaskState) => boolean,
  infix = '',
): Metrics {
  const counts = new Map<TaskState, number>()
  for (const { tasks } of frameworks) {
    for (const { mesos } of tasks) counts.set(mesos.state, (counts.get(mesos.state) ?? 0) + 1)
  }
  const counted = COUNTED.filter(isCounted)
  return Object.fromEntries(
    counted.map((state) => [
      `${prefix}${infix}${state.slice('TASK_'.length).toLowerCase()}`,
      counts.get(state) ?? 0,
    ]),
  )
}

function ofAllocator(view: ClusterView, allocation: Allocation | undefined): Metrics {
  const fence = allocation?.fence ?? 0
  const held = view.agents.flatMap(({ used, offered }) => [...used, ...offered])
  const total = quantities(add(...view.agents.map(({ ledger }) => ledger.total)))
  const taken = quantities(sumOf(held))
  const found: Record<string, number> = {
    // Since the table was restored last, if ever.
    'allocator/mesos/allocation_runs': fence - firstOf(timelineOf(fence)),
    'allocator/mesos/event_queue_dispatches': 0,
  }
  for (const name of RESOURCES) {
    found[`allocator/mesos/resources/${name}/total`] = (total[name] ?? 0) / 1000
    found[`allocator/mesos/resources/${name}/offered_or_allocated`] = (taken[name] ?? 0) / 1000
  }
  for (const [role, ofRole] of Map.groupBy(held, (each) => each.role)) {
    const share = quantities(sumOf(ofRole))
    const parts = RESOURCES.map((name) => (share[name] ?? 0) / (total[name] ?? 1))
    found[`allocator/mesos/roles/${role}/shares/dominant`] = Math.max(...parts)
  }
  return found
}

/** Of the machine this process runs on. */
function ofSystem(): Metrics {
  const [load1 = 0, load5 = 0, load15 = 0] = loadavg()
  return {
    'system/cpus_total': cpus().length,
    'system/load_1min': load1,
    'system/load_5min': load5,
    'system/load_15min': load15,
    'system/mem_total_bytes': totalmem(),
    'system/mem_free_bytes': freemem(),
  }
}
