// Waits for ten tasks of a framework to run, and for one that was killed to be replaced.
import { until } from '../live/until.ts'
import type { Connector } from './connector.ts'
import type { Told } from './run.ts'

export const TASKS = 10
const WITHIN_MS = 150_000

export async function tenRun(connector: Connector, frameworkId: string, { check, say }: Told): Promise<void> {
  const begun = performance.now()
  let running: readonly string[] = []
  const look = async () => {
    running = await runningOf(connector, frameworkId)
    return running.length
  }
  await until(`${TASKS} tasks run`, async () => (await look()) === TASKS, WITHIN_MS)
  check(true, `${TASKS} tasks run`)
  say(`after ${((performance.now() - begun) / 1_000).toFixed(1)} s`)
  const [killed = ''] = running
  await connector.meseta('task', 'kill', killed)
  await until(
    'a killed task is replaced',
    async () => (await look()) === TASKS && !running.includes(killed),
    WITHIN_MS,
  )
  check(true, 'a task that was killed is replaced')
}

async function runningOf(connector: Connector, frameworkId: string): Promise<readonly string[]> {
  const path = `/tasks?framework_id=${frameworkId}&limit=1000`
  const answer = await fetch(`${connector.url}${path}`, { signal: AbortSignal.timeout(10_000) })
  // The legacy endpoint's form.
  const { tasks } = (await answer.json()) as { readonly tasks: readonly { id: string; state: string }[] }
  return tasks.filter(({ state }) => state === 'TASK_RUNNING').map(({ id }) => id)
}
