// An agent in this process over a fake control plane, real containers and a work directory of its own.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ProcessContainerizer } from '../../agent/containerizer/process.ts'
import { chooseShim } from '../../agent/containerizer/shim.ts'
import { type AgentOptions, type RunningAgent, startAgent } from '../../agent/start.ts'
import { type Clock, systemClock } from '../../protocol/clock.ts'
import { FakeControlPlane } from './control-plane-fake.ts'
import { framework } from './tasks.ts'

export interface World {
  readonly controlPlane: FakeControlPlane
  readonly workDir: string
  agent: RunningAgent
  /** Stops the agent as kill -9 would: nothing is said or written any more. */
  restart(overrides?: Partial<AgentOptions>): Promise<void>
  close(): Promise<void>
}

const shims = chooseShim({ buildDirectory: join(tmpdir(), 'meseta-test-shims') })

export async function startWorld(overrides: Partial<AgentOptions> = {}): Promise<World> {
  const workDir = mkdtempSync(join(tmpdir(), 'meseta-agent-'))
  const controlPlane = new FakeControlPlane()
  controlPlane.frameworks = [framework()]
  const start = (more: Partial<AgentOptions>) => start_(workDir, controlPlane, { ...overrides, ...more })
  const world: World = {
    controlPlane,
    workDir,
    agent: await start({}),
    async restart(more = {}) {
      await world.agent.stop()
      world.agent = await start({ port: world.agent.port, ...more })
    },
    async close() {
      await world.agent.end()
      rmSync(workDir, { recursive: true, force: true })
    },
  }
  await world.agent.registered
  await until(() => controlPlane.calls.some((call) => call.type === 'SYNC'))
  return world
}

async function start_(
  workDir: string,
  controlPlane: FakeControlPlane,
  overrides: Partial<AgentOptions>,
): Promise<RunningAgent> {
  const clock: Clock = overrides.clock ?? systemClock
  return await startAgent({
    workDir,
    controlPlane,
    ip: '127.0.0.1',
    port: 0,
    hostname: 'localhost',
    resources: RESOURCES,
    attributes: [],
    containerizer: new ProcessContainerizer({
      containersDirectory: join(workDir, 'containers'),
      shims,
      clock,
    }),
    log: QUIET,
    ...overrides,
  })
}

const scalar = (name: string, value: number) => ({ name, type: 'SCALAR' as const, scalar: { value } })
const RESOURCES = [
  scalar('cpus', 4),
  scalar('mem', 4096),
  scalar('disk', 10240),
  { name: 'ports', type: 'RANGES' as const, ranges: { range: [{ begin: 31000, end: 31999 }] } },
]
const QUIET = { info() {}, warn() {}, error: console.error }

/** Waits in real time until something holds. */
export async function until(holds: () => boolean, ms = 15_000): Promise<void> {
  const deadline = performance.now() + ms
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${String(holds)}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
