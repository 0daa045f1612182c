// `npm run test:live -- lambda-framework`: the example deployed by CDK onto an emulator of AWS keeps ten tasks running.
//
// The function runs as a Lambda of MiniStack, is called through its own FIFO queue and by its schedule, and calls back.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startCluster, type TestCluster } from '../cluster.ts'
import { startMiniStack } from '../ministack.ts'
import { ROOT } from '../vitest.ts'
import type { Check } from './run.ts'

const TASKS = 10
/** The schedule comes once a minute. */
const SUBSCRIBED_WITHIN_MS = 100_000
const run = promisify(execFile)

export async function lambdaFramework(check: Check): Promise<void> {
  const ministack = await startMiniStack()
  if ('skipped' in ministack) {
    check(false, `an emulator of AWS is there: ${ministack.skipped}`)
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'meseta-lambda-framework-'))
  const cluster = await startCluster({
    store: 'memory',
    agents: 2,
    // Frameworks' queues are the emulator's.
    wrapQueues: (queues) => ({ ...queues, endpoint: () => ministack.endpoint }),
  })
  try {
    const cdk = cdkOn(ministack.endpoint)
    await cdk('bootstrap', 'aws://000000000000/us-east-1')
    await cdk('deploy', '-o', folder, '--require-approval', 'never', ...appOptions(cluster.url))
    check(true, 'the stack of the example is deployed')
    const first = await untilRunning(cluster, SUBSCRIBED_WITHIN_MS)
    check(first.length === TASKS, `${first.length} of ${TASKS} tasks run`)
    await cluster.operator({
      type: 'MARK_AGENT_GONE',
      mark_agent_gone: { agent_id: { value: cluster.agents[0]?.id ?? '' } },
    })
    const again = await untilRunning(cluster, 30_000, cluster.agents[0]?.id)
    check(again.length === TASKS, `${again.length} of ${TASKS} tasks run after an agent is gone`)
    await cdk('destroy', '--force', ...appOptions(cluster.url))
    check(true, 'the stack is destroyed')
  } finally {
    await cluster.stop()
    await ministack.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

function appOptions(url: string): readonly string[] {
  const context = {
    url,
    delivery: 'sqs',
    tasks: TASKS,
    notifierRole: 'arn:aws:iam::000000000000:role/notifier',
  }
  const app = ['-a', 'node bin/run.js examples/lambda-framework/deploy.ts']
  return [...app, ...Object.entries(context).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
}

function cdkOn(endpoint: string): (...args: readonly string[]) => Promise<unknown> {
  const env = {
    ...process.env,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_REGION: 'us-east-1',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_ENDPOINT_URL: endpoint,
  }
  return (...args) => run(join(ROOT, 'node_modules', '.bin', 'cdk'), args, { cwd: ROOT, env })
}

interface Shown {
  readonly state: string
  readonly slave_id: string
}

/** As many as run when all do, or when time is up; those on the agent `besides` are not counted. */
async function untilRunning(
  cluster: TestCluster,
  withinMs: number,
  besides?: string,
): Promise<readonly Shown[]> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const { json } = await cluster.get('/tasks?limit=1000')
    // The legacy endpoint's form.
    const { tasks } = json as { readonly tasks: readonly Shown[] }
    const found = tasks.filter(({ state, slave_id }) => state === 'TASK_RUNNING' && slave_id !== besides)
    if (found.length === TASKS || performance.now() > deadline) return found
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}
