// Validation of tasks, executors and groups: a row per rule.
import { describe, expect, test } from 'vitest'
import { MAX_TASK_BYTES } from '../../../master/limits.ts'
import { withType } from '../../../master/validation/checks.ts'
import { sameExecutor } from '../../../master/validation/executor.ts'
import { groupError } from '../../../master/validation/group.ts'
import { sameMessage, sizeOf } from '../../../master/validation/same.ts'
import { launchTaskError, type TaskPlace } from '../../../master/validation/task.ts'
import type { ExecutorInfo, HealthCheck, Resource, TaskInfo } from '../../../protocol/messages.ts'
import { allocate } from '../../../protocol/resources.ts'
import { AGENT, CLUSTER, cpusMem, newExecutorInfo, newTaskInfo, scalar } from '../calls/world.ts'

const place: TaskPlace = {
  agentId: AGENT,
  frameworkId: `${CLUSTER}-F1`,
  role: 'dev',
  keepsLimits: true,
  executors: new Map(),
  available: allocate([...cpusMem(4, 1024), scalar('disk', 100)], 'dev'),
  isTaken: (id) => id === 'taken',
}
const inRole = (resources: readonly Resource[]) =>
  resources.map((each) => ({ ...each, allocation_info: { role: 'dev' } }))
const task = (more: Partial<TaskInfo> = {}, id = 't1') =>
  newTaskInfo(id, { resources: inRole(cpusMem(1, 128)), ...more })
const ports = (...pairs: [number, number][]): Resource => ({
  name: 'ports',
  type: 'RANGES',
  ranges: { range: pairs.map(([begin, end]) => ({ begin, end })) },
})
const negative = { nanoseconds: -1 }
const executor = (more: Partial<ExecutorInfo> = {}) =>
  newExecutorInfo('e1', { resources: inRole([...cpusMem(0.1, 32), scalar('disk', 1)]), ...more })
const byExecutor = (more: Partial<ExecutorInfo>) => task({ command: undefined, executor: executor(more) })
const docker = { type: 'DOCKER', docker: { image: 'i' } } as const
const variable = (more: object) => ({ environment: { variables: [{ name: 'A', ...more }] } })

describe('a task of a LAUNCH is refused for', () => {
  test.each<[string, TaskInfo, RegExp]>([
    ['C84: an empty id', task({}, ''), /must not be empty/],
    ['C84: a slash', task({}, 'a/b'), /invalid characters/],
    ['C84: more than 255 bytes', task({}, 'é'.repeat(128)), /255/],
    ['C84: a dot', task({}, '.'), /disallowed/],
    ['C81: an id that is taken', task({}, 'taken'), /duplicate ID/],
    ['another agent', task({ agent_id: { value: 'zz' } }), /invalid agent zz/],
    ['a negative grace period', task({ kill_policy: { grace_period: negative } }), /grace_period/],
    ['a negative completion time', task({ max_completion_time: negative }), /max_completion_time/],
    ['a check without type', task({ check: {} }), /type/],
    ['a check without its body', task({ check: { type: 'COMMAND' } }), /'command' to be set/],
    [
      'a command check without value',
      task({ check: { type: 'COMMAND', command: { command: {} } } }),
      /command\.value/,
    ],
    [
      'a check path without slash',
      task({ check: { type: 'HTTP', http: { port: 1, path: 'x' } } }),
      /start with/,
    ],
    [
      'a negative delay',
      task({ check: { type: 'TCP', tcp: { port: 1 }, delay_seconds: -1 } }),
      /delay_seconds/,
    ],
    ['a health check without body', task({ health_check: { type: 'HTTP' } }), /'http' to be set/],
    [
      'a strange scheme',
      task({ health_check: { type: 'HTTP', http: { port: 1, scheme: 'ftp' } } }),
      /scheme/,
    ],
    [
      'a negative grace',
      task({ health_check: { type: 'TCP', tcp: { port: 1 }, grace_period_seconds: -1 } }),
      /grace/,
    ],
    ['C83: no resources', task({ resources: [] }), /no resources/],
    ['C25: 0.0004 cpus', task({ resources: [scalar('cpus', 0.0004)] }), /value <= 0/],
    ['C26: overlapping ranges', task({ resources: [ports([1, 5], [3, 9])] }), /overlapping/],
    ['a range that ends before it begins', task({ resources: [ports([5, 1])] }), /begin > end/],
    ['half a gpu', task({ resources: [scalar('gpus', 0.5)] }), /gpus/],
    [
      'resources of another role',
      task({ resources: [scalar('cpus', 1, { allocation_info: { role: 'ops' } })] }),
      /role 'ops'/,
    ],
    [
      'revocable and not',
      task({ resources: inRole([scalar('cpus', 1), scalar('cpus', 1, { revocable: {} })]) }),
      /revocable/,
    ],
    ['a variable without value', task({ command: { value: 'x', ...variable({}) } }), /must have a value/],
    [
      'a value with a secret',
      task({ command: variable({ value: 'v', secret: { type: 'VALUE' } }) }),
      /not have a secret/,
    ],
    ['a secret without one', task({ command: variable({ type: 'SECRET' }) }), /must have a secret/],
    [
      'a NUL in a secret',
      task({ command: variable({ type: 'SECRET', secret: { type: 'VALUE', value: { data: 'AGE=' } } }) }),
      /NUL/,
    ],
    [
      'a variable of unknown type',
      task({ command: variable({ type: 'UNKNOWN', value: 'x' }) }),
      /unknown type/,
    ],
    ['DOCKER without docker', task({ container: { type: 'DOCKER' } }), /DockerInfo/],
    [
      'a docker name',
      task({ container: { ...docker, docker: { image: 'i', parameters: [{ key: 'name', value: 'x' }] } } }),
      /name/,
    ],
    [
      'a volume of nothing',
      task({ container: { type: 'MESOS', volumes: [{ container_path: 'p', mode: 'RW' }] } }),
      /Exactly one/,
    ],
    [
      'a volume source without body',
      task({
        container: {
          type: 'MESOS',
          volumes: [{ container_path: 'p', mode: 'RW', source: { type: 'SECRET' } }],
        },
      }),
      /source\.secret/,
    ],
    ['a limit on disk', task({ limits: { disk: { value: 1 } } }), /disk/],
    ['a limit below its request', task({ limits: { cpus: { value: 0.5 } } }), /below/],
    [
      'a limit without request',
      task({ resources: inRole([scalar('mem', 1)]), limits: { cpus: { value: 1 } } }),
      /request/,
    ],
    ['a limit that is no number', task({ limits: { cpus: { value: Number.NaN } } }), /below/],
    ['H9: more than fits an item', task({ data: 'x'.repeat(MAX_TASK_BYTES) }), /larger/],
    ['C82: neither command nor executor', task({ command: undefined }), /either/],
    ['C82: both', task({ executor: executor() }), /either/],
    ['an executor id that is none', byExecutor({ executor_id: { value: '..' } }), /disallowed/],
    ['an executor of another framework', byExecutor({ framework_id: { value: 'other' } }), /other/],
    ['a DEFAULT executor', byExecutor({ type: 'DEFAULT' }), /CUSTOM/],
    ['an executor without command', byExecutor({ command: undefined }), /command/],
    [
      'an executor with negative grace',
      byExecutor({ shutdown_grace_period: negative }),
      /shutdown_grace_period/,
    ],
    [
      'an executor with bad resources',
      byExecutor({ resources: [scalar('cpus', -1)] }),
      /Executor uses invalid/,
    ],
    [
      'an executor that shares cgroups',
      byExecutor({ container: { type: 'MESOS', linux_info: { share_cgroups: true } } }),
      /share_cgroups/,
    ],
    ['C83: more than offered', task({ resources: inRole(cpusMem(5, 1)) }), /more than available/],
    [
      'C83: more than offered with its executor',
      byExecutor({ resources: inRole(cpusMem(4, 1)) }),
      /more than available/,
    ],
    [
      'cgroups of its own',
      task({ container: { type: 'MESOS', linux_info: { share_cgroups: false } } }),
      /only for tasks of a group/,
    ],
  ])('%s', (_, given, reason) => expect(launchTaskError(given, place)).toMatch(reason))

  test('limits on an agent that can not keep them', () => {
    const limited = task({ limits: { cpus: { value: 2 } } })
    expect(launchTaskError(limited, { ...place, keepsLimits: false })).toMatch(/TASK_RESOURCE_LIMITS/)
    expect(launchTaskError(limited, place)).toBeUndefined()
  })
})

test.each<[string, TaskInfo]>([
  ['a plain task', task()],
  ['a literal 0 of something', task({ resources: inRole([...cpusMem(1, 1), scalar('disk', 0)]) })],
  ['an infinite limit', task({ limits: { mem: { value: Number.POSITIVE_INFINITY } } })],
  ['an executor', byExecutor({})],
  ['a docker container', task({ container: docker })],
  ['C18: a kill policy beyond 2^53 ns', task({ kill_policy: { grace_period: { nanoseconds: 2n ** 60n } } })],
  ['id with odd but sound characters', task({}, 'ünicode %#: ~')],
])('%s is fine', (_, given) => expect(launchTaskError(given, place)).toBeUndefined())

describe('C85: executors', () => {
  const live = { ...place, executors: new Map([['e1', executor()]]) }

  test('the same one runs already: its resources are not asked for again', () => {
    const full = { ...live, available: allocate(cpusMem(1, 128), 'dev') }
    expect(launchTaskError(byExecutor({}), full)).toBeUndefined()
    expect(launchTaskError(byExecutor({}), { ...full, executors: new Map() })).toMatch(/more than available/)
  })

  test.each<[string, Partial<ExecutorInfo>]>([
    ['command', { command: { value: './other' } }],
    ['resources', { resources: inRole(cpusMem(0.2, 32)) }],
    ['name', { name: 'other' }],
    ['data', { data: 'AA==' }],
  ])('another %s is another executor', (_, more) => {
    expect(launchTaskError(byExecutor(more), live)).toMatch(/another ExecutorInfo/)
  })

  test('the order of resources and of fields is nothing', () => {
    const one = executor()
    expect(
      sameExecutor(one, { ...one, resources: [...(one.resources ?? [])].reverse(), name: undefined }),
    ).toBe(true)
  })
})

describe('C86: a group is refused for', () => {
  const group = executor({ type: 'DEFAULT', command: undefined })
  const own = { type: 'MESOS', network_infos: [{ name: 'net' }] } as const
  const http: HealthCheck = { type: 'HTTP', http: { port: 1 } }
  test.each<[string, ExecutorInfo, TaskInfo[], RegExp]>([
    ['no executor type', { ...group, type: undefined }, [task()], /DEFAULT or CUSTOM/],
    ['a DEFAULT executor with a command', { ...group, command: { value: 'x' } }, [task()], /must not be set/],
    ['a CUSTOM executor without one', { ...group, type: 'CUSTOM' }, [task()], /must be set/],
    ['a DOCKER executor', { ...group, container: docker }, [task()], /DOCKER/],
    [
      'a DEFAULT executor with an image',
      { ...group, container: { type: 'MESOS', mesos: { image: { type: 'DOCKER' } } } },
      [task()],
      /image/,
    ],
    [
      'too little cpus',
      { ...group, resources: inRole([...cpusMem(0.001, 32), scalar('disk', 1)]) },
      [task()],
      /cpus/,
    ],
    [
      'too little mem',
      { ...group, resources: inRole([...cpusMem(1, 31), scalar('disk', 1)]) },
      [task()],
      /mem/,
    ],
    ['no disk', { ...group, resources: inRole(cpusMem(1, 32)) }, [task()], /disk/],
    ['no tasks', group, [], /no tasks/],
    ['a bad task', group, [task(), task({ resources: [] }, 't2')], /no resources/],
    ['an id twice', group, [task(), task()], /duplicate/],
    ['a DOCKER task', group, [task({ container: docker })], /DOCKER/],
    ['a task with another executor', group, [task({ executor: executor({ name: 'other' }) })], /differs/],
    [
      'an HTTP health check in a network of its own',
      group,
      [task({ container: own, health_check: http })],
      /network/,
    ],
    ['limits without cgroups of its own', group, [task({ limits: { cpus: { value: 2 } } })], /share_cgroups/],
    [
      'tasks that do not agree on cgroups',
      group,
      [task(), task({ container: { type: 'MESOS', linux_info: { share_cgroups: false } } }, 't2')],
      /agree/,
    ],
    ['more than offered in sum', group, [1, 2, 3, 4].map((i) => task({}, `t${i}`)), /more than available/],
  ])('%s', (_, of, tasks, reason) => expect(groupError(of, tasks, place)).toMatch(reason))

  test('a good one is fine, also with the executor repeated in its tasks', () => {
    expect(groupError(group, [task(), task({ executor: group }, 't2')], place)).toBeUndefined()
  })
})

describe('a health check without type', () => {
  test.each<[string, HealthCheck, HealthCheck['type']]>([
    ['command', { command: { value: 'x' } }, 'COMMAND'],
    ['http', { http: { port: 1 } }, 'HTTP'],
    ['both', { command: { value: 'x' }, http: { port: 1 } }, undefined],
    ['neither', { tcp: { port: 1 } }, undefined],
  ])('%s', (_, check, type) => expect(withType(check).type).toBe(type))
})

describe('messages', () => {
  test('are the same when they say the same', () => {
    expect(sameMessage({ a: 1, b: [{ c: 2n }] }, { b: [{ c: 2n }], a: 1, d: undefined })).toBe(true)
    expect(sameMessage({ a: [1] }, { a: [1, 2] })).toBe(false)
    expect(sameMessage({ a: null }, { a: {} })).toBe(false)
    expect(sameMessage([1], { 0: 1 })).toBe(false)
  })

  test('are measured without being written, bigints too', () => {
    expect(sizeOf({ a: 'é', b: [1, 2n, true] })).toBeGreaterThan(10)
  })
})
