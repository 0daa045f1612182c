// The bundles themselves: small, the same each time, and at work against the emulators in processes of their own.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Bundle, bundle, FUNCTIONS } from '../../../functions/lambda/bundle.ts'
import { principalEntry } from '../../../functions/lambda/credentials.ts'
import { type SqsQueues, sqsQueues } from '../../../functions/ports/queues-sqs.ts'
import { type SqsEmulator, startSqsEmulator } from '../../../local/emulators/sqs.ts'
import type { RegisterCall } from '../../../protocol/agent-messages.ts'
import { systemClock } from '../../../protocol/clock.ts'
import { encodeMessage } from '../../../protocol/codec.ts'
import { EMPTY_DIGEST } from '../../../protocol/digest.ts'
import { freshStore, startDynamo } from '../../store/emulator.ts'
import { restEvent, sqsRecord } from './events.ts'
import { type LambdaProcess, startLambda } from './process.ts'

const MAX_BYTES = 500_000
const PREFIX = 'bundled'

const folder = mkdtempSync(join(tmpdir(), 'meseta-bundles-'))
const of = (name: string) => join(folder, 'functions', name)
let bundles: readonly Bundle[] = []
const stops: (() => unknown)[] = []

beforeAll(async () => {
  bundles = await bundle(folder)
}, 120_000)

afterAll(async () => {
  for (const stop of stops.reverse()) await stop()
  rmSync(folder, { recursive: true, force: true })
})

describe('bundles', () => {
  test('every function has one, of at most 500 KB, with its map', () => {
    expect(bundles.map(({ name }) => name)).toEqual([...FUNCTIONS, 'agent'])
    for (const { name, bytes } of bundles.filter(({ name }) => name !== 'agent')) {
      expect.soft(bytes, name).toBeLessThan(MAX_BYTES)
      expect(readdirSync(of(name)).sort()).toEqual(['index.mjs', 'index.mjs.map'])
    }
  })

  test('none brings a client of the SDK, nor sources in its map', () => {
    for (const name of FUNCTIONS) {
      const { sources, sourcesContent } = JSON.parse(readFileSync(join(of(name), 'index.mjs.map'), 'utf8'))
      expect(sources.filter((source: string) => source.includes('@aws-sdk/client'))).toEqual([])
      expect(sourcesContent).toBeUndefined()
    }
  })

  test('the agent has the sources of its shims beside it', () => {
    for (const file of ['main.mjs', 'shim.c', 'shim.sh'])
      expect(existsSync(join(folder, 'agent', file))).toBe(true)
  })

  test('the agent starts where no package is installed', () => {
    const help = execFileSync(process.execPath, [join(folder, 'agent', 'main.mjs'), '--help'], { env: {} })
    expect(String(help)).toContain('meseta agent start')
  })

  test('the same sources give the same bytes, wherever they are written', async () => {
    const other = mkdtempSync(join(tmpdir(), 'meseta-bundles-again-'))
    try {
      await bundle(other)
      expect(fingerprint(other)).toEqual(fingerprint(folder))
    } finally {
      rmSync(other, { recursive: true, force: true })
    }
  }, 120_000)
})

function fingerprint(at: string): Record<string, string> {
  const files = readdirSync(at, { recursive: true, encoding: 'utf8' }).filter((file) => /\.\w+$/.test(file))
  return Object.fromEntries(
    files.sort().map((file) => [
      file,
      createHash('sha256')
        .update(readFileSync(join(at, file)))
        .digest('hex'),
    ]),
  )
}

describe('at work against the emulators', () => {
  let variables: Readonly<Record<string, string>> = {}
  let queues: SqsQueues
  const started = new Map<string, Promise<LambdaProcess>>()

  beforeAll(async () => {
    const dynamo = await startDynamo()
    stops.push(() => dynamo.stop())
    const sqs: SqsEmulator = await startSqsEmulator({ port: 0 })
    stops.push(() => sqs.stop())
    const { tableName, stop } = await freshStore(dynamo.endpoint)
    stops.push(stop)
    queues = sqsQueues({ clock: systemClock, region: 'us-east-1', prefix: PREFIX, endpoint: sqs.endpoint })
    stops.push(() => queues.close())
    await queues.ensureFunctionQueues()
    variables = {
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_SESSION_TOKEN: 'token',
      AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint,
      AWS_ENDPOINT_URL_SQS: sqs.endpoint,
      MESETA_TABLE: tableName,
      MESETA_QUEUE_PREFIX: PREFIX,
      MESETA_SETTINGS: '{"profile":"default"}',
    }
  })

  function lambda(name: (typeof FUNCTIONS)[number], streams = false): Promise<LambdaProcess> {
    const key = `${name} ${streams}`
    const running = started.get(key) ?? startLambda(of(name), variables, { streams })
    if (!started.has(key)) running.then((one) => stops.push(() => one.stop()))
    started.set(key, running)
    return running
  }

  interface Result {
    readonly statusCode: number
    readonly headers: Record<string, string>
    readonly body: string
  }

  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    restEvent({
      resource: path,
      path,
      headers: { 'Content-Type': 'application/json', Accept: 'application/json', ...headers },
      multiValueHeaders: undefined,
      body: JSON.stringify(body),
    })

  const registration: RegisterCall = {
    type: 'REGISTER',
    bootNonce: 'boot-1',
    agentInfo: {
      hostname: 'played',
      port: 5051,
      resources: [
        { name: 'cpus', type: 'SCALAR', scalar: { value: 4 } },
        { name: 'mem', type: 'SCALAR', scalar: { value: 4_096 } },
      ],
    },
    address: { ip: '127.0.0.1', port: 5051 },
    version: 'test',
    capabilities: [{ type: 'MULTI_ROLE' }],
    applied: 0,
    sums: {},
    page: 0,
    pages: 1,
    tasks: [],
    executors: [],
    frameworks: [],
  }

  test('a framework subscribes, an agent registers, an offer comes, a binary DECLINE is taken', async () => {
    const scheduler = await lambda('scheduler', true)
    const info = { user: 'root', name: 'bundled', roles: ['*'], capabilities: [{ type: 'MULTI_ROLE' }] }
    const call = { type: 'SUBSCRIBE', subscribe: { framework_info: { ...info, principal: 'marathon' } } }
    const session = scheduler.stream(post('/api/v1/scheduler', call))
    await vi.waitUntil(() => session.chunks.length >= 2, { timeout: 15_000 })
    expect(session.head()).toMatchObject({ statusCode: 200, headers: { 'content-type': 'application/json' } })
    const streamId = session.head()?.headers['mesos-stream-id'] ?? ''
    const subscribed = eventOf(session.chunks[0])
    expect(subscribed.type).toBe('SUBSCRIBED')
    const frameworkId = subscribed.subscribed.framework_id.value

    const answer = await (await lambda('agents')).invoke<Result>(post('/api/v1/agent', registration))
    expect(answer.statusCode).toBe(200)
    const { agentId, incarnation } = JSON.parse(answer.body)

    const nudged = { Records: [sqsRecord('n1', '{}')] }
    expect(await (await lambda('allocator')).invoke(nudged)).toEqual({ batchItemFailures: [] })
    await vi.waitUntil(() => session.chunks.some((chunk) => chunk.includes('"OFFERS"')), { timeout: 15_000 })
    const offers = eventOf(session.chunks.find((chunk) => chunk.includes('"OFFERS"')))
    const offerId = offers.offers.offers[0].id.value

    const decline = {
      framework_id: { value: frameworkId },
      type: 'DECLINE',
      decline: { offer_ids: [{ value: offerId }] },
    } as const
    const binary = encodeMessage('mesos.v1.scheduler.Call', 'application/x-protobuf', decline)
    const declined = scheduler.stream({
      ...post(
        '/api/v1/scheduler',
        {},
        { 'Content-Type': 'application/x-protobuf', 'Mesos-Stream-Id': streamId },
      ),
      body: Buffer.from(binary).toString('base64'),
      isBase64Encoded: true,
    })
    await declined.done
    expect(declined.head()?.statusCode).toBe(202)

    const beat = { kind: 'beat', agentId, incarnation, number: 1, applied: 0, digest: EMPTY_DIGEST }
    const beats = [
      sqsRecord('b1', JSON.stringify({ kind: 'canary', shard: 0, number: 1 }), { MessageGroupId: '0' }),
      sqsRecord('b2', JSON.stringify(beat), { MessageGroupId: '0' }),
      sqsRecord('b3', 'no beat', { MessageGroupId: '0' }),
    ]
    expect(await (await lambda('heartbeats')).invoke({ Records: beats })).toEqual({ batchItemFailures: [] })

    const state = await (await lambda('operator')).invoke<Result>({
      ...restEvent({
        resource: '/{proxy+}',
        path: '/master/state',
        pathParameters: { proxy: 'master/state' },
      }),
      httpMethod: 'GET',
      body: null,
    })
    expect(state.statusCode).toBe(200)
    const { frameworks, slaves } = JSON.parse(state.body)
    expect(frameworks).toMatchObject([{ id: frameworkId, name: 'bundled', active: true }])
    expect(slaves).toMatchObject([{ id: agentId, hostname: 'played' }])
  }, 60_000)

  test('the planner sends the ticks of a minute, and the detector does one', async () => {
    await (await lambda('planner')).invoke({})
    const [first] = await queues.receive('ticks', { waitMs: 2_000 })
    expect(JSON.parse(first?.body ?? '')).toEqual({ delayMs: 0, offsetsMs: [0] })
    const stamp = { SentTimestamp: String(first?.sentAt) }
    const detector = await lambda('detector')
    expect(await detector.invoke({ Records: [sqsRecord('t1', first?.body ?? '', stamp)] })).toEqual({
      batchItemFailures: [],
    })
    const canaries = await queues.receive('heartbeats', { waitMs: 2_000 })
    expect(JSON.parse(canaries[0]?.body ?? '')).toMatchObject({ kind: 'canary', shard: 0 })
  }, 60_000)

  test('events of instances and nudges of the notifier are handled', async () => {
    const poison = { Records: [sqsRecord('e1', 'no event')] }
    expect(await (await lambda('instance-events')).invoke(poison)).toEqual({
      batchItemFailures: [{ itemIdentifier: 'e1' }],
    })
    const nudge = { Records: [sqsRecord('n1', '{}')] }
    expect(await (await lambda('notifier')).invoke(nudge)).toEqual({ batchItemFailures: [] })
  }, 60_000)

  test('R18 without streaming in the runtime a SUBSCRIBE is a short stream', async () => {
    const scheduler = await lambda('scheduler')
    const info = { user: 'root', name: 'short', roles: ['*'], capabilities: [{ type: 'MULTI_ROLE' }] }
    const call = { type: 'SUBSCRIBE', subscribe: { framework_info: { ...info, principal: 'marathon' } } }
    const answer = await scheduler.invoke<Result>(post('/api/v1/scheduler', call), { remainingMs: 4_000 })
    expect(answer).toMatchObject({ statusCode: 200, isBase64Encoded: false })
    expect(answer.body).toContain('"SUBSCRIBED"')
  }, 60_000)

  test('A30 two instances of a function share the bucket of a principal', async () => {
    const rateLimits = { aggregate_default_qps: 0.001, aggregate_default_capacity: 5 }
    const settings = { ...variables, MESETA_SETTINGS: JSON.stringify({ rateLimits }) }
    const instances = await Promise.all([1, 2].map(() => startLambda(of('operator'), settings)))
    for (const one of instances) stops.push(() => one.stop())
    const call = post('/api/v1', { type: 'GET_HEALTH' })
    const statuses = []
    for (let round = 0; round < 4; round++) {
      for (const one of instances) statuses.push((await one.invoke<Result>(call)).statusCode)
    }
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429, 429])
    const refused = await instances[0]?.invoke<Result>(call)
    expect(Number(refused?.headers['retry-after'])).toBeGreaterThan(900)
  }, 60_000)

  test('the authorizer reads the secret over a signed call', async () => {
    const SecretString = JSON.stringify({ principals: [await principalEntry('marathon', 'secret')] })
    const asked: { headers: Readonly<Record<string, unknown>>; body: string }[] = []
    const server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        asked.push({ headers: request.headers, body: Buffer.concat(chunks).toString() })
        response.end(JSON.stringify({ SecretString }))
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    stops.push(() => server.close())
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : 0
    const authorizer = await startLambda(of('authorizer'), {
      ...variables,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: `http://127.0.0.1:${port}`,
      MESETA_SECRET_ARN: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:meseta',
    })
    stops.push(() => authorizer.stop())
    const event = (secret: string) => ({
      methodArn: 'arn:aws:execute-api:us-east-1:123456789012:api/prod/POST/api/v1/scheduler',
      headers: { authorization: `Basic ${Buffer.from(`marathon:${secret}`).toString('base64')}` },
    })
    expect(await authorizer.invoke(event('secret'))).toMatchObject({ context: { principal: 'marathon' } })
    await expect(authorizer.invoke(event('other'))).rejects.toThrow('Unauthorized')
    expect(asked).toHaveLength(1)
    expect(asked[0]?.headers).toMatchObject({
      'x-amz-target': 'secretsmanager.GetSecretValue',
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-security-token': 'token',
      authorization: expect.stringContaining('/us-east-1/secretsmanager/aws4_request'),
    })
  }, 60_000)

  test('a function whose variables are wrong does not start, and says why', async () => {
    const broken = { ...variables, MESETA_SETTINGS: '{"profile":"slow"}' }
    await expect(startLambda(of('scheduler'), broken)).rejects.toThrow(
      'profile must be one of fast, default, mesos',
    )
  })
})

/** Of one record: the length, a newline, JSON. */
function eventOf(record: string | undefined) {
  return JSON.parse(record?.slice(record.indexOf('\n') + 1) ?? '')
}
