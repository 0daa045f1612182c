// One usual item of each kind, as versions go: not written yet.
import type { ItemKind, Items } from '../../master/model.ts'
import type { Resource } from '../../protocol/messages.ts'

export const CLUSTER_ID = '3b1f0a6c-2d4e-4c59-9a37-51d2c8f0e7ab'
export const FRAMEWORK_ID = '3b1f0a6c-2d4e-4c59-9a37-51d2c8f0e7ab-Frm7dQx0Zb4KpT9uVwYs2L'
export const AGENT_ID = '3b1f0a6c-2d4e-4c59-9a37-51d2c8f0e7ab-SAgn3Hk8Rt5MzXw1QcVb7N'
export const TASK_ID = 'web.1'

/** As `cpus:4;mem:4096;disk:10240;ports:[31000-31999]`. */
export function resources(cpus: number): readonly Resource[] {
  return [
    { name: 'cpus', type: 'SCALAR', scalar: { value: cpus } },
    { name: 'mem', type: 'SCALAR', scalar: { value: cpus * 1024 } },
    { name: 'disk', type: 'SCALAR', scalar: { value: 10240 } },
    { name: 'ports', type: 'RANGES', ranges: { range: [{ begin: 31000, end: 31999 }] } },
  ]
}

/** The same, allocated to a role, as offers have them. */
export function allocated(cpus: number, role: string): readonly Resource[] {
  return resources(cpus).map((resource) => ({ ...resource, allocation_info: { role } }))
}

const task = {
  name: 'web',
  task_id: { value: TASK_ID },
  agent_id: { value: AGENT_ID },
  resources: resources(1),
  command: { value: 'exec sleep 60 > /dev/null' },
}
const status = {
  task_id: { value: TASK_ID },
  state: 'TASK_RUNNING',
  uuid: 'qrvM3e7/ABEiM0RVZneImQ==',
  timestamp: 1_790_000_000.25,
  source: 'SOURCE_EXECUTOR',
} as const

export const samples: { readonly [K in ItemKind]: Items[K] } = {
  ledger: {
    version: 0,
    agentId: AGENT_ID,
    life: 'active',
    incarnation: 10_000_000_003,
    bootNonce: '4hV0cXq2LmZs8RtYwB1nKd',
    lossNumber: 0,
    generation: 10_000_000_112,
    total: resources(4),
    offers: {
      '3b1f0a6c-2d4e-4c59-9a37-51d2c8f0e7ab-OfQ2Lm8ZsRtYwB1nKd4hV0': {
        frameworkId: FRAMEWORK_ID,
        role: '*',
        epoch: 10_000_000_001,
        resources: allocated(2, '*'),
        expiresAt: 1_790_000_300_000,
      },
    },
    holds: {},
    sums: { [FRAMEWORK_ID]: { '*': allocated(1, '*') } },
    digest: '9f86d081884c7d65',
    heardAt: 1_790_000_000_000,
    refusals: [],
    accepts: ['Xq2LmZs8RtYwB1nKd4hV0c'],
    deactivated: false,
    beatShard: 0,
    indexShard: 0,
  },
  run: {
    version: 0,
    agentId: AGENT_ID,
    frameworkId: FRAMEWORK_ID,
    taskId: TASK_ID,
    wanted: 'run',
    launchIncarnation: 10_000_000_003,
    launchGeneration: 10_000_000_112,
    role: '*',
    task,
    kills: 0,
    charged: allocated(1, '*'),
    acceptId: 'Xq2LmZs8RtYwB1nKd4hV0c',
    answerBy: 1_790_000_600_000,
  },
  executor: {
    version: 0,
    agentId: AGENT_ID,
    frameworkId: FRAMEWORK_ID,
    executorId: 'default',
    info: {
      executor_id: { value: 'default' },
      type: 'DEFAULT',
      resources: resources(0.1),
      shutdown_grace_period: { nanoseconds: 9_007_199_254_740_993n },
    },
    role: '*',
    charged: resources(0.1),
    wanted: 'run',
  },
  hold: {
    version: 0,
    agentId: AGENT_ID,
    acceptId: 'Xq2LmZs8RtYwB1nKd4hV0c',
    frameworkId: FRAMEWORK_ID,
    tasks: [{ taskId: TASK_ID }, { taskId: 'web.2', executorId: 'default' }],
  },
  agent: {
    version: 0,
    agentId: AGENT_ID,
    shard: 3,
    info: { hostname: 'node-1', port: 5051, resources: resources(4) },
    address: { ip: '10.0.0.7', port: 5051 },
    agentVersion: '1.11.0',
    capabilities: [{ type: 'MULTI_ROLE' }],
    registeredAt: 1_790_000_000_000,
    commandQueueUrl: 'http://127.0.0.1:4566/000000000000/agent-1',
    life: 'active',
  },
  accepting: {
    version: 0,
    frameworkId: FRAMEWORK_ID,
    acceptId: 'Xq2LmZs8RtYwB1nKd4hV0c',
    agentId: AGENT_ID,
  },
  instance: { version: 0, instanceId: 'i-0123456789abcdef0', agentId: AGENT_ID },
  beats: {
    version: 0,
    shard: 0,
    agents: {
      [AGENT_ID]: {
        incarnation: 10_000_000_003,
        number: 77,
        stamp: 1_790_000_000_123,
        applied: 10_000_000_112,
        digest: '9f86d081884c7d65',
      },
    },
    canary: { number: 9, stamp: 1_790_000_000_100 },
    hearingSince: 1_789_990_000_000,
  },
  framework: {
    version: 0,
    frameworkId: FRAMEWORK_ID,
    info: {
      user: 'root',
      name: 'marathon',
      id: { value: FRAMEWORK_ID },
      failover_timeout: 604800,
      roles: ['*'],
    },
    epoch: 10_000_000_001,
    streamId: '2f9a7c1e-91a6-4f3c-8f6f-2b1f6a1f0f77',
    state: 'connected',
    suppressedRoles: [],
    filterEpochs: { '*': 10_000_000_001 },
    gates: 1,
    shards: 1,
    registeredAt: 1_790_000_000_000,
    removeAt: Number.POSITIVE_INFINITY,
  },
  gate: { version: 0, frameworkId: FRAMEWORK_ID, index: 0, epoch: 10_000_000_001, removed: false },
  lease: {
    version: 0,
    frameworkId: FRAMEWORK_ID,
    epoch: 10_000_000_001,
    holder: 'reader-1',
    number: 4,
    renewedAt: 1_790_000_000_000,
    expiresAt: 1_790_000_045_000,
    lossesTold: 0,
  },
  called: { version: 0, frameworkId: FRAMEWORK_ID, epoch: 10_000_000_001, at: 1_790_000_000_000 },
  task: {
    version: 0,
    frameworkId: FRAMEWORK_ID,
    taskId: TASK_ID,
    shard: 0,
    agentId: AGENT_ID,
    acceptId: 'Xq2LmZs8RtYwB1nKd4hV0c',
    launchIncarnation: 10_000_000_003,
    launchGeneration: 10_000_000_112,
    mesos: {
      name: 'web',
      task_id: { value: TASK_ID },
      framework_id: { value: FRAMEWORK_ID },
      agent_id: { value: AGENT_ID },
      state: 'TASK_RUNNING',
      resources: allocated(1, '*'),
      statuses: [status],
    },
    role: '*',
    lastUpdate: 2,
    custody: [{ number: 2, uuid: status.uuid, status, at: 1_790_000_000_000 }],
    standing: 'live',
    createdAt: 1_790_000_000_000,
  },
  mail: {
    version: 0,
    frameworkId: FRAMEWORK_ID,
    shard: 0,
    key: `OFFER#${FRAMEWORK_ID}-O1`,
    tag: 'Zs8RtYwB1nKd4hV0cXq2Lm',
    body: {
      kind: 'offer',
      offer: {
        id: { value: `${FRAMEWORK_ID}-O1` },
        framework_id: { value: FRAMEWORK_ID },
        agent_id: { value: AGENT_ID },
        hostname: 'node-1',
        allocation_info: { role: '*' },
        resources: allocated(2, '*'),
      },
      epoch: 10_000_000_001,
    },
    at: 1_790_000_000_000,
  },
  lossHead: { version: 0, last: 10_000_000_002 },
  loss: { version: 0, number: 10_000_000_002, agentId: AGENT_ID, at: 1_790_000_000_000 },
  cluster: {
    version: 0,
    id: '3b1f0a6c-2d4e-4c59-9a37-51d2c8f0e7ab',
    timeline: 1,
    createdAt: 1_790_000_000_000,
  },
  tick: { version: 0, number: 8, at: 1_790_000_000_000, unbrokenSince: 1_789_990_000_000, removalTokens: 2 },
  allocation: { version: 0, fence: 10_000_000_001, expiresAt: 0, wanted: 3 },
  allowance: { version: 0, principal: 'marathon', tokens: 4.5, at: 1_790_000_000_000, ttl: 1_790_086_400 },
}
