// The example framework, which is one Lambda function, keeps its tasks running on a whole cluster.
import { afterEach, describe, expect, test } from 'vitest'
import { handler } from '../../../examples/lambda-framework/handler.ts'
import { type Hosted, host } from '../../../examples/lambda-framework/host.ts'
import { isSigned } from '../../../examples/lambda-framework/signature.ts'
import { signature } from '../../../functions/notifier/webhook.ts'
import { startCluster, type TestCluster } from '../../cluster.ts'
import { send } from '../../framework.ts'

let cluster: TestCluster | undefined
let hosted: Hosted | undefined

afterEach(async () => {
  await hosted?.close()
  await cluster?.stop()
})

interface Shown {
  readonly id: string
  readonly state: string
  readonly slave_id: string
}

async function running(of: TestCluster): Promise<readonly Shown[]> {
  const { json } = await of.get('/tasks?limit=1000')
  // The legacy endpoint's form.
  return (json as { tasks: readonly Shown[] }).tasks.filter(({ state }) => state === 'TASK_RUNNING')
}

async function untilRunning(
  of: TestCluster,
  count: number,
  besides: readonly string[] = [],
): Promise<readonly Shown[]> {
  for (let look = 0; look < 400; look++) {
    const found = (await running(of)).filter(({ id }) => !besides.includes(id))
    if (found.length === count) return found
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`not ${count} tasks: ${JSON.stringify(await running(of))}`)
}

test('ten tasks: kept at ten when one ends, after another SUBSCRIBE, and after an agent is gone', async () => {
  cluster = await startCluster({ store: 'memory', agents: 2 })
  const options = { url: cluster.url, tasks: 10, command: 'sleep 1000' }
  hosted = await host(options)
  const first = await untilRunning(cluster, 10)
  // Subscribed as it is, the schedule changes nothing.
  expect(await handler({})).toEqual({ subscribed: false })
  const [victim] = first
  const session = await cluster.store.get('framework', { frameworkId: 'lambda-framework' })
  await send(`${cluster.url}/api/v1/scheduler`, {
    headers: { 'content-type': 'application/json', 'mesos-stream-id': session?.streamId ?? '' },
    body: JSON.stringify({
      type: 'KILL',
      framework_id: { value: 'lambda-framework' },
      kill: { task_id: { value: victim?.id } },
    }),
  })
  await untilRunning(cluster, 10, [victim?.id ?? ''])
  await hosted.close()
  hosted = await host(options)
  await untilRunning(cluster, 10, [victim?.id ?? ''])
  expect((await cluster.store.get('framework', { frameworkId: 'lambda-framework' }))?.state).toBe('connected')
  const gone = cluster.agents[0]?.id ?? ''
  await cluster.operator({ type: 'MARK_AGENT_GONE', mark_agent_gone: { agent_id: { value: gone } } })
  await untilRunning(cluster, 10)
  expect((await running(cluster)).every(({ slave_id }) => slave_id !== gone)).toBe(true)
})

describe('what comes through the function URL', () => {
  const secret = 's'.repeat(32)
  const body = '{"events":[]}'
  const now = 1_700_000_000_000
  const signed = (at = now, given = secret, text = body) => {
    const timestamp = String(Math.floor(at / 1_000))
    return { 'meseta-timestamp': timestamp, 'meseta-signature': signature(given, timestamp, text) }
  }

  test('A7, A9: only what is signed with our secret, now, as it is', () => {
    expect(isSigned(secret, signed(), body, now)).toBe(true)
    expect(isSigned(secret, signed(), body, now + 299_000)).toBe(true)
    const attacks: readonly (readonly [string, Readonly<Record<string, string>>, string, number])[] = [
      [secret, {}, body, now],
      [secret, signed(), `${body} `, now],
      [secret, signed(now, 't'.repeat(32)), body, now],
      [secret, signed(), body, now + 302_000],
      [secret, signed(now + 600_000), body, now],
      [secret, { ...signed(), 'meseta-timestamp': 'NaN' }, body, now],
      [secret, { ...signed(), 'meseta-timestamp': '' }, body, now],
      [secret, { ...signed(), 'meseta-signature': 'v1=' }, body, now],
      ['', signed(now, ''), body, now],
    ]
    for (const [given, headers, text, at] of attacks) expect(isSigned(given, headers, text, at)).toBe(false)
  })

  test('anything else is 401 before it is read', async () => {
    Object.assign(process.env, { MESETA_URL: 'http://127.0.0.1:9', DELIVERY_URL: 'http://127.0.0.1:9' })
    expect(await handler({ headers: {}, body: '{oops' })).toEqual({ statusCode: 401 })
  })

  test('of a batch from the queue, what comes behind a failed message waits with it', async () => {
    const good = JSON.stringify({ framework_id: { value: 'f' }, stream_id: 's', number: 1, events: [] })
    const records = [good, '{oops', good].map((text, index) => ({ messageId: String(index), body: text }))
    expect(await handler({ Records: records })).toEqual({
      batchItemFailures: [{ itemIdentifier: '1' }, { itemIdentifier: '2' }],
    })
  })
})
