// How messages are written and read: Mesos's own JSON mapping, and protobuf beside it (C13–C17, C19–C23).
import { describe, expect, test } from 'vitest'
import { decodeMessage, encodeMessage } from '../../protocol/codec.ts'
import type { MediaType } from '../../protocol/media-types.ts'
import type { TaskStatus } from '../../protocol/messages.ts'
import {
  type Answer,
  commandTask,
  ENCODINGS,
  JSON_TYPE,
  PROTOBUF_TYPE,
  type TestFramework,
} from '../framework.ts'
import { field, numberField, post, records, subscribeRaw } from './bytes.ts'
import { cluster, onOneCluster, subscribe } from './one-cluster.ts'
import { runTask, teardown } from './waiting.ts'

onOneCluster()

/** A call of the framework's session, written by hand: any JSON, not only what our types allow. */
function callJson(framework: TestFramework, call: object | string): Promise<Answer> {
  const body =
    typeof call === 'string' ? call : JSON.stringify({ framework_id: { value: framework.id }, ...call })
  return post(cluster, body, { 'content-type': JSON_TYPE, 'mesos-stream-id': framework.streamId })
}

/** SUBSCRIBE by hand, refused. */
function subscribeRefused(call: object): Promise<Answer> {
  return post(cluster, JSON.stringify(call))
}

function textOf(framework: TestFramework, type: string): string {
  const found = records(framework)
    .map(String)
    .find((text) => text.includes(`"type":"${type}"`))
  if (found === undefined) throw new Error(`there is no ${type}`)
  return found
}

interface ShownFramework {
  readonly framework_info: Readonly<Record<string, unknown>>
}

async function shown(framework: TestFramework): Promise<{ json: ShownFramework; text: string }> {
  const { json, text } = await cluster.operator({ type: 'GET_FRAMEWORKS' })
  const { get_frameworks } = json as { get_frameworks: { frameworks: readonly ShownFramework[] } }
  const found = get_frameworks.frameworks.find(
    ({ framework_info }) => JSON.stringify(framework_info.id) === JSON.stringify({ value: framework.id }),
  )
  if (found === undefined) throw new Error('the framework is not shown')
  return { json: found, text }
}

describe('reading JSON', () => {
  test('C13 unknown fields at any depth are ignored', async () => {
    const framework = await subscribe()
    const offer = await framework.offer()
    const odd = { nope: [{ a: null }], camelCase: true }
    const { resources = [], ...task } = commandTask(offer, 'c13', 'sleep 1000')
    const answer = await callJson(framework, {
      ...odd,
      type: 'ACCEPT',
      accept: {
        ...odd,
        offer_ids: [{ ...offer.id, ...odd }],
        offerIds: 'camelCase is an unknown field',
        operations: [
          {
            ...odd,
            type: 'LAUNCH',
            launch: {
              ...odd,
              task_infos: [
                {
                  ...task,
                  ...odd,
                  task_id: { ...task.task_id, ...odd },
                  resources: resources.map((resource) => ({
                    ...resource,
                    ...odd,
                    scalar: { ...resource.scalar, ...odd },
                  })),
                  command: { ...task.command, ...odd },
                },
              ],
            },
          },
        ],
        filters: { refuse_seconds: 3600, ...odd },
      },
    })
    expect([answer.status, answer.text]).toEqual([202, ''])
    await framework.update('c13', 'TASK_RUNNING')
  })

  test('C14 null for any optional field equals absence', async () => {
    const framework = await subscribe()
    const offer = await framework.offer()
    const task = commandTask(offer, 'c14', 'sleep 1000')
    const answer = await callJson(framework, {
      type: 'ACCEPT',
      accept: {
        offer_ids: [offer.id],
        filters: null,
        operations: [
          {
            type: 'LAUNCH',
            id: null,
            launch_group: null,
            launch: {
              task_infos: [
                {
                  ...task,
                  executor: null,
                  container: null,
                  health_check: null,
                  check: null,
                  data: null,
                  labels: null,
                  kill_policy: null,
                  max_completion_time: null,
                  limits: null,
                  command: { ...task.command, shell: null, user: null, environment: null, uris: null },
                  resources: task.resources?.map((resource) => ({
                    ...resource,
                    role: null,
                    reservations: null,
                    ranges: null,
                    disk: null,
                    allocation_info: null,
                  })),
                },
              ],
            },
          },
        ],
      },
      decline: null,
    })
    expect([answer.status, answer.text]).toEqual([202, ''])
    await framework.update('c14', 'TASK_RUNNING')
  })

  test('C14 null for a required field is a missing one: 400', async () => {
    const answer = await subscribeRefused({
      type: 'SUBSCRIBE',
      subscribe: { framework_info: { user: 'root', name: null } },
    })
    expect(answer.status).toBe(400)
    expect(answer.text).toContain('framework_info.name')
  })

  test('C15 a numeric enum is 400', async () => {
    const framework = await subscribe()
    const offer = await framework.offer()
    expect((await callJson(framework, { type: 4, decline: { offer_ids: [offer.id] } })).status).toBe(400)
    const { resources = [], ...task } = commandTask(offer, 'c15', 'true')
    const [first] = resources
    const numeric = { ...task, resources: [{ ...first, type: 0 }] }
    const launch = (operation: object) =>
      callJson(framework, { type: 'ACCEPT', accept: { offer_ids: [offer.id], operations: [operation] } })
    expect((await launch({ type: 'LAUNCH', launch: { task_infos: [numeric] } })).status).toBe(400)
    expect((await launch({ type: 1, launch: { task_infos: [{ ...task, resources }] } })).status).toBe(400)
    // None of them took the offer.
    await framework.launch([offer], [{ ...task, resources }])
    await framework.update('c15', 'TASK_RUNNING')
  })

  test('C16 an unknown enum name reads as absent: of the call 400, of a capability nothing', async () => {
    const framework = await subscribe()
    expect((await callJson(framework, { type: 'DANCE' })).status).toBe(400)
    expect((await callJson(framework, { type: 'revive' })).status).toBe(400)
    // One that is a call's in another API.
    expect((await callJson(framework, { type: 'GET_STATE' })).status).toBe(400)

    await teardown(cluster, [framework])
    const capabilities = [{ type: 'OF_TOMORROW' }, { type: 'MULTI_ROLE' }]
    const info = { user: 'root', name: 'c16', roles: ['x'], capabilities }
    const body = Buffer.from(JSON.stringify({ type: 'SUBSCRIBE', subscribe: { framework_info: info } }))
    const stream = await subscribeRaw(cluster, body, [`content-type: ${JSON_TYPE}`])
    // The capability behind the unknown one was understood.
    await stream.until(/"allocation_info":\{"role":"x"\}/)
    stream.end()
  })

  test('C16 on a required field it is 400', async () => {
    const framework = await subscribe()
    const offer = await framework.offer()
    const task = commandTask(offer, 'c16', 'true')
    const [resource, ...rest] = task.resources ?? []
    const answer = await callJson(framework, {
      type: 'ACCEPT',
      accept: {
        offer_ids: [offer.id],
        operations: [
          {
            type: 'LAUNCH',
            launch: {
              task_infos: [{ ...task, resources: [{ ...resource, type: 'LIQUID' }, ...rest] }],
            },
          },
        ],
      },
    })
    expect(answer.status).toBe(400)
    await framework.launch([offer], [task])
    await framework.update('c16', 'TASK_RUNNING')
  })

  test('C16 so it is in protobuf with numbers that nobody knows', async () => {
    const framework = await subscribe()
    const head = { 'content-type': PROTOBUF_TYPE, 'mesos-stream-id': framework.streamId }
    const id = field(1, field(1, framework.id))
    const type = (number: number) => numberField(2, number)
    expect((await post(cluster, Buffer.concat([id, type(5)]), head)).status).toBe(202)
    expect((await post(cluster, Buffer.concat([id, type(999)]), head)).status).toBe(400)
    // A Resource of type 99 in an ACCEPT: operation LAUNCH, TaskInfo with name, id, agent, resource.
    const accept = (resourceType: number) => {
      const resource = field(4, Buffer.concat([field(1, 'cpus'), numberField(2, resourceType)]))
      const task = Buffer.concat([
        field(1, 'n'),
        field(2, field(1, 'c16-p')),
        field(3, field(1, 'x')),
        resource,
      ])
      const operation = Buffer.concat([numberField(1, 1), field(2, field(1, task))])
      return Buffer.concat([
        id,
        type(3),
        field(4, Buffer.concat([field(1, field(1, 'o')), field(2, operation)])),
      ])
    }
    expect((await post(cluster, accept(0), head)).status).toBe(202)
    expect((await post(cluster, accept(99), head)).status).toBe(400)
  })

  test('C19 numbers given as strings are accepted for numeric fields', async () => {
    const framework = await subscribe()
    const offer = await framework.offer()
    const task = commandTask(offer, 'c19', 'sleep 1000', { cpus: 1.5, mem: 64 })
    const ports = { name: 'ports', type: 'RANGES', ranges: { range: [{ begin: '31000', end: '31001' }] } }
    const answer = await callJson(framework, {
      type: 'ACCEPT',
      accept: {
        offer_ids: [offer.id],
        filters: { refuse_seconds: '0' },
        operations: [
          {
            type: 'LAUNCH',
            launch: {
              task_infos: [
                {
                  ...task,
                  resources: [
                    { name: 'cpus', type: 'SCALAR', scalar: { value: '1.5' } },
                    { name: 'mem', type: 'SCALAR', scalar: { value: '64' } },
                    ports,
                  ],
                },
              ],
            },
          },
        ],
      },
    })
    expect(answer.status).toBe(202)
    await framework.update('c19', 'TASK_RUNNING')
    const { text } = await cluster.operator({ type: 'GET_TASKS' })
    expect(text).toContain('"scalar":{"value":1.5}')
    expect(text).toContain('{"begin":31000,"end":31001}')
    // What is no number stays an error.
    const bad = { type: 'DECLINE', decline: { offer_ids: [offer.id], filters: { refuse_seconds: 'five' } } }
    expect((await callJson(framework, bad)).status).toBe(400)
  })
})

describe('bytes', () => {
  /** A task whose first update waits for its acknowledgement. */
  async function waiting(): Promise<{ framework: TestFramework; status: TaskStatus }> {
    const framework = await subscribe({ acknowledge: false, info: { failover_timeout: 60 } })
    const offer = await framework.offer()
    await framework.launch([offer], [commandTask(offer, 'c17', 'sleep 1000')], 3_600)
    return { framework, status: await framework.update('c17', 'TASK_STARTING') }
  }

  test('C17 bytes are base64 both ways', async () => {
    const { framework, status } = await waiting()
    const [, written = ''] = /"uuid":"([^"]*)"/.exec(textOf(framework, 'UPDATE')) ?? []
    const raw = Buffer.from(written, 'base64')
    expect(raw).toHaveLength(16)
    expect(raw.toString('base64')).toBe(written)

    // The same update on a protobuf stream has the same bytes, as they are.
    const binary = await subscribe({
      encoding: PROTOBUF_TYPE,
      acknowledge: false,
      info: { id: { value: framework.id }, failover_timeout: 60 },
    })
    expect((await binary.update('c17', 'TASK_STARTING')).uuid).toBe(status.uuid)
    expect(Buffer.concat(binary.chunks).includes(raw)).toBe(true)

    // Read back as base64 it is the acknowledgement that lets the next update come.
    const acknowledged = await post(
      cluster,
      JSON.stringify({
        type: 'ACKNOWLEDGE',
        framework_id: { value: framework.id },
        acknowledge: { agent_id: status.agent_id, task_id: status.task_id, uuid: written },
      }),
      { 'content-type': JSON_TYPE, 'mesos-stream-id': binary.streamId },
    )
    expect(acknowledged.status).toBe(202)
    await binary.update('c17', 'TASK_RUNNING')
  })

  test.each(['***', 'AAAA*AAA', 'AA-_', 'AA\u00e9A', 5, true, { value: 'AAAA' }])(
    'C17 %j is no base64: 400',
    async (data) => {
      const framework = await subscribe()
      const message = { agent_id: { value: 'a' }, executor_id: { value: 'e' } }
      const sent = (given: unknown) =>
        callJson(framework, { type: 'MESSAGE', message: { ...message, data: given } })
      expect((await sent(data)).status).toBe(400)
      expect((await sent('AAAA')).status).toBe(202)
    },
  )
})

describe('writing JSON', () => {
  test('C20 absent fields with a declared default are written, deprecated ones are not', async () => {
    const framework = await subscribe()
    const { json } = await shown(framework)
    expect(json.framework_info).toMatchObject({ checkpoint: false, failover_timeout: 0 })
    expect(json.framework_info).not.toHaveProperty('role')
    // And in what a framework itself is told.
    await framework.next(({ type }) => type === 'HEARTBEAT')
    const subscribed = textOf(framework, 'SUBSCRIBED')
    expect(subscribed).toContain('"heartbeat_interval_seconds":15.0')
    expect(JSON.parse(subscribed).subscribed.master_info).toHaveProperty('port')
    await runTask(framework, 'c20')
    const offers = JSON.parse(textOf(framework, 'OFFERS')).offers.offers[0]
    expect(offers.resources[0]).toMatchObject({ role: '*' })
    const status = records(framework)
      .map((record) => JSON.parse(record.toString()).update?.status)
      .find((each) => each?.container_status !== undefined)
    for (const { ip_addresses } of status.container_status.network_infos) {
      for (const address of ip_addresses) expect(address).toHaveProperty('protocol', 'IPv4')
    }
  })

  test('C21 empty repeated fields are omitted from events', async () => {
    const framework = await subscribe()
    await runTask(framework, 'c21')
    await framework.next(({ type }) => type === 'HEARTBEAT')
    const [offer] = JSON.parse(textOf(framework, 'OFFERS')).offers.offers
    expect(offer).toHaveProperty('resources')
    for (const name of ['attributes', 'executor_ids']) expect(offer).not.toHaveProperty(name)
    for (const record of records(framework)) expect(record.toString()).not.toMatch(/\[\]|null/)
  })
})

describe('protobuf and what both require', () => {
  const info = (parts: readonly Buffer[]) =>
    Buffer.concat([numberField(2, 1), field(3, field(1, Buffer.concat(parts)))])

  test('C22 (application/json) a missing required field is 400 and named', async () => {
    const cases: [object, string][] = [
      [{ subscribe: { framework_info: { user: 'root' } } }, 'subscribe.framework_info.name'],
      [{ subscribe: { framework_info: { name: 'n' } } }, 'subscribe.framework_info.user'],
      [{ subscribe: {} }, 'subscribe.framework_info'],
      [{ subscribe: { framework_info: { user: 'root', name: 'n', id: {} } } }, 'framework_info.id.value'],
    ]
    for (const [body, path] of cases) {
      const { status, text } = await subscribeRefused({ type: 'SUBSCRIBE', ...body })
      expect(status).toBe(400)
      expect(text).toContain(path)
    }
  })

  test('C22 (application/x-protobuf) so it is in protobuf', async () => {
    const head = { 'content-type': PROTOBUF_TYPE }
    const cases: [Buffer, string][] = [
      [info([field(1, 'root')]), 'subscribe.framework_info.name'],
      [info([field(2, 'n')]), 'subscribe.framework_info.user'],
      [Buffer.concat([numberField(2, 1), field(3, '')]), 'subscribe.framework_info'],
      [info([field(1, 'root'), field(2, 'n'), field(3, '')]), 'framework_info.id.value'],
    ]
    for (const [body, path] of cases) {
      const { status, text } = await post(cluster, body, head)
      expect(status).toBe(400)
      expect(text).toContain(path)
    }
  })

  test.each(ENCODINGS)('C22 (%s) deep inside a call too, which then has no effect', async (encoding) => {
    const framework = await subscribe({ encoding })
    const offer = await framework.offer()
    const task = commandTask(offer, 'c22', 'sleep 1000')
    const body = withoutAgentId(framework, offer.id.value, encoding)
    const head = { 'content-type': encoding, 'mesos-stream-id': framework.streamId }
    const answer = await post(cluster, body, head)
    expect(answer.status).toBe(400)
    expect(answer.text).toContain('agent_id')
    await framework.launch([offer], [task])
    await framework.update('c22', 'TASK_RUNNING')
  })

  /** An ACCEPT whose task lacks its agent. */
  function withoutAgentId(framework: TestFramework, offerId: string, encoding: MediaType): Buffer {
    if (encoding === JSON_TYPE) {
      const task = { name: 'n', task_id: { value: 'c22' } }
      const accept = {
        offer_ids: [{ value: offerId }],
        operations: [{ type: 'LAUNCH', launch: { task_infos: [task] } }],
      }
      return Buffer.from(JSON.stringify({ type: 'ACCEPT', framework_id: { value: framework.id }, accept }))
    }
    const task = Buffer.concat([field(1, 'n'), field(2, field(1, 'c22'))])
    const operation = Buffer.concat([numberField(1, 1), field(2, field(1, task))])
    return Buffer.concat([
      field(1, field(1, framework.id)),
      numberField(2, 3),
      field(4, Buffer.concat([field(1, field(1, offerId)), field(2, operation)])),
    ])
  }

  test('C23 unknown protobuf fields are skipped, of every wire type and at any depth', async () => {
    const odd = Buffer.concat([
      field(1_000, 'text'),
      numberField(1_001, 77),
      // 64 and 32 bits, and a group with a field inside.
      Buffer.concat([Buffer.from([0xd1, 0x3e]), Buffer.alloc(8, 1)]),
      Buffer.concat([Buffer.from([0xdd, 0x3e]), Buffer.alloc(4, 1)]),
      Buffer.concat([Buffer.from([0xe3, 0x3e]), numberField(1, 5), Buffer.from([0xe4, 0x3e])]),
    ])
    const framework = await subscribe({ encoding: PROTOBUF_TYPE })
    const infos = encodeMessage('mesos.v1.FrameworkInfo', PROTOBUF_TYPE, {
      id: { value: framework.id },
      user: 'root',
      name: 'c23',
    })
    const body = Buffer.concat([
      odd,
      field(1, Buffer.concat([odd, field(1, framework.id)])),
      numberField(2, 17),
      field(19, Buffer.concat([odd, field(1, Buffer.concat([odd, infos])), odd])),
      odd,
    ])
    // The numbers above are those of UPDATE_FRAMEWORK.
    const meant = decodeMessage('mesos.v1.scheduler.Call', PROTOBUF_TYPE, body)
    expect(meant).toMatchObject({ ok: true, message: { type: 'UPDATE_FRAMEWORK' } })
    const head = { 'content-type': PROTOBUF_TYPE, 'mesos-stream-id': framework.streamId }
    const answer = await post(cluster, body, head)
    expect([answer.status, answer.text]).toEqual([200, ''])
    expect((await shown(framework)).json.framework_info).toMatchObject({ name: 'c23', user: 'root' })
  })
})
