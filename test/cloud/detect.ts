// A machine dies: the detector, a Lambda that a schedule's ticks call, notices; the framework is told; the task is replaced.
import { SendMessageCommand, SetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs'
import { commandTask, TestFramework } from '../framework.ts'
import { until } from '../live/until.ts'
import type { Cloud } from './cloud.ts'
import type { Connector } from './connector.ts'
import type { Part, Told } from './run.ts'

/** The first schedule may be a minute away, and ticks begin with it. */
const WITHIN_MS = 120_000

export const detect: Part = async (cloud, connector, told) => {
  const hello = await connector.meseta('run', '--', 'echo', 'hello')
  told.check(/hello/.test(hello), '`meseta run -- echo hello` prints hello')
  await ticking(cloud, told)
  const info = { checkpoint: true, failover_timeout: 600 }
  const framework = await TestFramework.subscribe(connector.url, { info })
  try {
    await machineDies(cloud, connector, framework, told)
  } finally {
    await framework.call({ type: 'TEARDOWN' })
  }
  await poison(cloud, connector, told)
}

/** Whoever dies before the first plan is noticed a minute later: that is of the start, and not measured here. */
async function ticking(cloud: Cloud, told: Told): Promise<void> {
  const begun = performance.now()
  const ticks = () => cloud.log().match(/Detector\S* processed/g)?.length ?? 0
  await until('the planner’s ticks come', () => ticks() >= 5, WITHIN_MS)
  told.say(`the first ticks came after ${seconds(performance.now() - begun)}`)
}

async function machineDies(
  cloud: Cloud,
  connector: Connector,
  framework: TestFramework,
  told: Told,
): Promise<void> {
  const offer = await framework.offerOf(0.1, 32, WITHIN_MS)
  await framework.launch([offer], [commandTask(offer, 'first', 'sleep 1000')], 0)
  await framework.update('first', 'TASK_RUNNING', 60_000)
  const dying = cloud.machines.find(({ agentId }) => agentId === offer.agent_id.value)
  if (dying === undefined) throw new Error(`no machine of ours is ${offer.agent_id.value}`)

  const killed = performance.now()
  dying.fail()
  let noticed = 0
  const noticing = until(
    'the agent is unreachable',
    async () => !(await isActive(connector.url, offer.agent_id.value)),
    WITHIN_MS,
  ).then(() => {
    noticed = performance.now()
  })
  const lost = await framework.update('first', 'TASK_LOST', WITHIN_MS)
  const toldAt = performance.now()
  await noticing
  told.check(lost.reason === 'REASON_AGENT_REMOVED', `the framework is told TASK_LOST, ${lost.reason}`)
  // The first launch refused what else was offered, for an hour.
  await framework.call({ type: 'REVIVE' })
  const other = await liveOffer(framework, offer.agent_id.value)
  await framework.launch([other], [commandTask(other, 'second', 'sleep 1000')], 0)
  await framework.update('second', 'TASK_RUNNING', 60_000)
  const replaced = performance.now()
  told.check(other.agent_id.value !== offer.agent_id.value, 'the task is replaced on the other agent')
  told.say(
    `kill → noticed ${seconds(noticed - killed)}, told ${seconds(toldAt - killed)}, replaced ${seconds(replaced - killed)}`,
  )

  dying.start()
  const again = await dying.untilRegistered(WITHIN_MS)
  told.check(again === offer.agent_id.value, 'the agent returns under its id')
  await until('it is active again', () => isActive(connector.url, again), WITHIN_MS)
}

/** Offers of the agent that died may still be on their way. */
async function liveOffer(framework: TestFramework, besides: string) {
  for (;;) {
    const offer = await framework.offerOf(0.1, 32, WITHIN_MS)
    if (offer.agent_id.value !== besides) return offer
  }
}

/** A message that nobody can read comes again and again, until the queue puts it aside. */
async function poison({ endpoint, place }: Cloud, connector: Connector, told: Told): Promise<void> {
  const sqs = new SQSClient({ ...clientOf(place), endpoint })
  const QueueUrl = `${endpoint}/000000000000/meseta-instance-events`
  // Its deliveries are a minute apart otherwise.
  await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { VisibilityTimeout: '1' } }))
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'poison' }))
  let letters = ''
  await until(
    'the message is a dead letter',
    async () => {
      letters = await connector.meseta('dead-letters', 'list', '--json')
      return letters.includes('"receives"')
    },
    WITHIN_MS,
  )
  const [, id = ''] = /"id": *"([^"]+)"/.exec(letters) ?? []
  const shown = await connector.meseta('dead-letters', 'show', id)
  told.check(shown.includes('poison'), 'a poison message ends in the dead letters, and `meseta` shows it')
  sqs.destroy()
}

async function isActive(url: string, agentId: string): Promise<boolean> {
  const answer = await fetch(`${url}/slaves`, { signal: AbortSignal.timeout(10_000) })
  const { slaves } = (await answer.json()) as {
    readonly slaves: readonly { readonly id: string; readonly active: boolean }[]
  }
  return slaves.some(({ id, active }) => id === agentId && active)
}

/** What clients of the SDK take. */
export function clientOf({ region }: Cloud['place']) {
  return { region, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}
