// Draining through kill -9 of the agent and of the control plane: grace, custody and DRAINED survive them (F38, F81).
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { durationInfo } from '../../protocol/durations.ts'
import { commandTask, send, TestFramework } from '../framework.ts'
import { type LiveCluster, startLiveCluster } from './cluster.ts'
import type { Check } from './run.ts'
import { until } from './until.ts'

const GRACE_SECONDS = 12
const STUBBORN = "trap '' TERM; while :; do sleep 0.05; done"

interface Listed {
  readonly active: boolean
  readonly agent_info: { readonly id: { readonly value: string } }
  readonly drain_info?: { readonly state: string; readonly config: unknown }
}

export async function drain(check: Check): Promise<void> {
  const cluster = await startLiveCluster({ agents: 1 })
  let framework: TestFramework | undefined
  try {
    framework = await subscribe(cluster)
    const offer = await framework.offerOf(1, 256)
    const agentId = offer.agent_id.value
    const stubborn = {
      ...commandTask(offer, 'stubborn', STUBBORN),
      kill_policy: { grace_period: durationInfo(600_000) },
    }
    await framework.launch([offer], [commandTask(offer, 'mild', 'exec sleep 1000'), stubborn], 3_600)
    for (const id of ['mild', 'stubborn']) await framework.update(id, 'TASK_RUNNING', 30_000)
    await new Promise((resolve) => setTimeout(resolve, 300))

    const begun = performance.now()
    const drained = await operator(cluster, {
      type: 'DRAIN_AGENT',
      drain_agent: { agent_id: { value: agentId }, max_grace_period: { seconds: GRACE_SECONDS } },
    })
    check(drained.status === 200, 'DRAIN_AGENT is answered with 200')
    const killed = await framework.update('mild', 'TASK_KILLED', 30_000)
    check(killed.reason === 'REASON_AGENT_DRAINING', 'the first task ends at once, and says why')
    await framework.update('stubborn', 'TASK_KILLING', 30_000)

    framework.close()
    await killBoth(cluster)
    check(true, 'agent and control plane are killed in the middle of the drain')
    await cluster.startAgain()
    const again = await subscribe(cluster, framework.id)
    framework = again
    const config = { max_grace_period: { nanoseconds: GRACE_SECONDS * 1e9 }, mark_gone: false }
    check(
      JSON.stringify((await listed(cluster, agentId))?.drain_info) ===
        JSON.stringify({ state: 'DRAINING', config }),
      'GET_AGENTS shows the drain with its limits as before',
    )
    const end = await again.update('stubborn', 'TASK_KILLED', 60_000)
    const tookMs = performance.now() - begun
    console.log(`         the stubborn task ended ${Math.round(tookMs)} ms after the drain was asked for`)
    check(
      end.reason === 'REASON_AGENT_DRAINING' && tookMs > (GRACE_SECONDS - 1) * 1_000,
      'the second task has its grace, counted from before the kills, and says why it ends',
    )
    check(tookMs < (GRACE_SECONDS + 30) * 1_000, 'and not much more')
    const mild = await again.update('mild', 'TASK_KILLED', 30_000)
    check(mild.uuid === killed.uuid, 'the unacknowledged end is said again, with its uuid')
    await again.acknowledge(end)
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    check(await isIn(cluster, agentId, 'DRAINING'), 'one end is not acknowledged: the agent is not DRAINED')
    await again.acknowledge(mild)
    await until('DRAINED', () => isIn(cluster, agentId, 'DRAINED'))
    check(true, 'it is acknowledged: the agent is DRAINED')

    again.close()
    await killBoth(cluster)
    await cluster.startAgain()
    framework = await subscribe(cluster, again.id)
    await until('the agent is registered again', async () => (await listed(cluster, agentId)) !== undefined)
    check(await isIn(cluster, agentId, 'DRAINED'), 'DRAINED survives a kill of both')
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    check(
      framework.events.every(({ type }) => type !== 'OFFERS'),
      'a drained agent is offered to nobody',
    )
    await operator(cluster, {
      type: 'REACTIVATE_AGENT',
      reactivate_agent: { agent_id: { value: agentId } },
    })
    const next = await framework.offerOf(1, 256, 30_000)
    await framework.launch([next], [commandTask(next, 'after', 'exec sleep 1000')], 3_600)
    await framework.update('after', 'TASK_RUNNING', 30_000)
    check(next.agent_id.value === agentId, 'REACTIVATE_AGENT: it is offered again, and runs tasks')
    await framework.call({ type: 'TEARDOWN' })
  } finally {
    framework?.close()
    await cluster.stop()
  }
}

/** Acknowledges everything but ends; those when the scenario says so. */
async function subscribe(cluster: LiveCluster, id?: string): Promise<TestFramework> {
  const framework = await TestFramework.subscribe(cluster.url, {
    info: {
      checkpoint: true,
      failover_timeout: 600,
      ...(id === undefined ? {} : { id: { value: id } }),
    },
    capabilities: ['PARTITION_AWARE', 'TASK_KILLING_STATE'],
    acknowledge: false,
  })
  framework.onEvent = ({ update }) => {
    if (update?.status.uuid !== undefined && update.status.state !== 'TASK_KILLED')
      framework.acknowledge(update.status).catch(() => {})
  }
  return framework
}

async function killBoth(cluster: LiveCluster): Promise<void> {
  const lock = join(cluster.dataDir, 'agents', '0', 'meta', 'lock')
  // The agent writes its pid there.
  const { pid } = JSON.parse(readFileSync(lock, 'utf8')) as { readonly pid: number }
  process.kill(pid, 'SIGKILL')
  await cluster.killControlPlane()
}

async function operator(cluster: LiveCluster, call: object) {
  return await send(`${cluster.url}/api/v1`, {
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify(call),
  })
}

async function listed(cluster: LiveCluster, agentId: string): Promise<Listed | undefined> {
  const { text } = await operator(cluster, { type: 'GET_AGENTS' })
  // The shape of GET_AGENTS.
  const { get_agents } = JSON.parse(text) as { readonly get_agents: { readonly agents: readonly Listed[] } }
  return get_agents.agents.find(({ agent_info }) => agent_info.id.value === agentId)
}

async function isIn(cluster: LiveCluster, agentId: string, state: string): Promise<boolean> {
  return (await listed(cluster, agentId))?.drain_info?.state === state
}
