// A custom executor as Mesos's library is one: it waits for an agent that is away as long as its environment says. Writes its
// pid into the file it is given when it has subscribed.
import { writeFileSync } from 'node:fs'
import { parseDurationMs } from '../../protocol/durations.ts'

const checkpointed = process.env.MESOS_CHECKPOINT === '1'
const recoveryMs = parseDurationMs(process.env.MESOS_RECOVERY_TIMEOUT ?? '') ?? 0
const url = `http://${process.env.MESOS_AGENT_ENDPOINT}/api/v1/executor`
const call = {
  type: 'SUBSCRIBE',
  framework_id: { value: process.env.MESOS_FRAMEWORK_ID },
  executor_id: { value: process.env.MESOS_EXECUTOR_ID },
  subscribe: { unacknowledged_tasks: [], unacknowledged_updates: [] },
}

let lostAt: number | undefined
for (;;) {
  const wasHeard = await untilBroken()
  if (wasHeard) lostAt = undefined
  lostAt ??= performance.now()
  if (!checkpointed || performance.now() - lostAt > recoveryMs) process.exit(0)
  await new Promise((resolve) => setTimeout(resolve, 50))
}

/** True if the agent answered and went away later. */
async function untilBroken(): Promise<boolean> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(call),
    })
    if (!response.ok) return false
    writeFileSync(process.argv[2] ?? '', `${process.pid}`)
    await response.arrayBuffer().catch(() => undefined)
    return true
  } catch {
    return false
  }
}
