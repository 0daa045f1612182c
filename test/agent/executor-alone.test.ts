// Executors whose agent is away: how long they wait is said by their environment, and they do as it says.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { WantedTask } from '../../protocol/agent-messages.ts'
import { ROOT } from '../vitest.ts'
import { until } from './agent-process.ts'
import { isRunning, type ProcessWorld, processWorld } from './process-world.ts'
import { framework, wanted } from './tasks.ts'

const RECOVERY_MS = 2_000
/** Longer than a restart of the agent takes on a busy machine. */
const PATIENT_MS = 30_000

let world: ProcessWorld
afterEach(() => world.close())

/** An agent with one custom executor that has subscribed. */
async function started(options: { readonly checkpoint: boolean; readonly recoveryMs?: number }) {
  world = await processWorld()
  world.controlPlane.frameworks = [framework('f', { checkpoint: options.checkpoint })]
  const agent = await world.start()
  world.controlPlane.want([custom('t', options.recoveryMs ?? RECOVERY_MS)])
  await until(() => executorPid() !== undefined, 30_000)
  const pid = executorPid() ?? 0
  return { agent, pid }
}

describe('F29: an executor without its agent', () => {
  test('ends itself after the recovery timeout of its environment, not before', async () => {
    const { agent, pid } = await started({ checkpoint: true })
    await agent.kill()
    const killedAt = performance.now()
    await until(() => !isRunning(pid), 20_000)
    expect(performance.now() - killedAt).toBeGreaterThan(RECOVERY_MS - 100)
  }, 60_000)

  test('goes on when the agent is back before', async () => {
    const { agent, pid } = await started({ checkpoint: true, recoveryMs: PATIENT_MS })
    await agent.kill()
    await world.start()
    expect(world.controlPlane.registrations.at(-1)?.executors).toHaveLength(1)
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    expect(isRunning(pid)).toBe(true)
  }, 60_000)

  test('ends itself at once without checkpointing', async () => {
    const { agent, pid } = await started({ checkpoint: false, recoveryMs: 2 * PATIENT_MS })
    await agent.kill()
    await until(() => !isRunning(pid), 20_000)
  }, 60_000)
})

function custom(taskId: string, recoveryMs: number): WantedTask {
  const { command: _, ...info } = wanted(taskId, '').task
  const command = {
    value: `exec ${process.execPath} ${join(ROOT, 'test/agent/recovering-executor.ts')} ${join(world.workDir, 'executor.pid')}`,
    // What the framework says wins over the 15 minutes of the agent (C131).
    environment: { variables: [{ name: 'MESOS_RECOVERY_TIMEOUT', value: `${recoveryMs}ms` }] },
  }
  const executor = { executor_id: { value: 'e' }, type: 'CUSTOM' as const, command }
  return { ...wanted(taskId, ''), task: info, executor }
}

/** Written by the executor when it has subscribed. */
function executorPid(): number | undefined {
  const file = join(world.workDir, 'executor.pid')
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) || undefined : undefined
}
