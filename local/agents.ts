// The agents of one machine: each a process of its own that outlives a kill of the control plane.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isFree } from './free-port.ts'
import { alive, identityOf, type ProcessIdentity } from './process-identity.ts'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')

export interface LocalAgent {
  readonly index: number
  readonly port: number
  readonly workDir: string
  readonly adopted: boolean
  /** The line that starts this agent again by hand. */
  readonly command: string
}

export interface AgentsOptions {
  readonly count: number
  readonly masterUrl: string
  readonly firstPort: number
  readonly dataDir: string
  /** Without it the agents end with this process, and their tasks with them. */
  readonly outliveControlPlane: boolean
  readonly resources?: string | undefined
  readonly attributes?: string | undefined
  /** Said once for every agent process that ends while the cluster runs. */
  readonly onExit: (agent: LocalAgent, how: string) => void
}

export interface LocalAgents {
  readonly agents: readonly LocalAgent[]
  /** Ends every agent and every task, and waits for it. */
  stop(): Promise<void>
}

/** Starts the agents that do not run yet (R25). A port in use is one clear sentence. */
export async function startAgents(options: AgentsOptions): Promise<LocalAgents> {
  const children = new Map<number, ChildProcess>()
  let stopping = false
  const agents: LocalAgent[] = []
  for (let index = 0; index < options.count; index++) agents.push(await startOne(index))
  return { agents, stop }

  async function startOne(index: number): Promise<LocalAgent> {
    const workDir = join(options.dataDir, 'agents', String(index))
    const port = options.firstPort + index
    mkdirSync(workDir, { recursive: true })
    const args = agentArguments(index, port, workDir)
    const agent: LocalAgent = {
      index,
      port,
      workDir,
      adopted: runningIn(workDir) !== undefined,
      command: `npx meseta agent start ${args.map(quoted).join(' ')}`,
    }
    if (agent.adopted) return agent
    if (!(await isFree(port))) {
      throw new Error(
        `port ${port} for agent ${index} is in use; stop what listens there, or give another --port`,
      )
    }
    const log = openSync(join(workDir, 'agent.log'), 'a')
    const tied = options.outliveControlPlane ? [] : ['--parent-pid', String(process.pid)]
    const child = spawn(process.execPath, [join(ROOT, 'bin', 'run.js'), 'agent/main.ts', ...args, ...tied], {
      stdio: ['ignore', log, log],
      detached: true,
    })
    children.set(index, child)
    if (child.pid !== undefined) writeFileSync(pidFile(workDir), JSON.stringify(identityOf(child.pid)))
    child.unref()
    child.once('exit', (code, signal) => {
      if (!stopping)
        options.onExit(agent, signal === null ? `ended with status ${code}` : `was ended by ${signal}`)
    })
    return agent
  }

  function agentArguments(index: number, port: number, workDir: string): string[] {
    const ports = `ports:[${31_000 + 1_000 * index}-${31_999 + 1_000 * index}]`
    const given = options.resources ?? 'cpus:4;mem:4096;disk:10240'
    const resources = /(^|;)\s*ports/.test(given) ? given : `${given};${ports}`
    return [
      '--master',
      options.masterUrl,
      '--work-dir',
      workDir,
      '--port',
      String(port),
      '--resources',
      resources,
      ...(options.attributes === undefined ? [] : ['--attributes', options.attributes]),
    ]
  }

  async function stop(): Promise<void> {
    stopping = true
    await Promise.all(agents.map((agent) => stopOne(agent)))
  }
}

/** SIGUSR1 asks an agent to end its tasks, to unregister and to go; who does not, is killed with its tree. */
async function stopOne(agent: LocalAgent): Promise<void> {
  const running = runningIn(agent.workDir)
  if (running === undefined) return
  process.kill(running.pid, 'SIGUSR1')
  for (let tries = 0; tries < 500 && alive(running); tries++)
    await new Promise((resolve) => setTimeout(resolve, 20))
  if (alive(running)) process.kill(running.pid, 'SIGKILL')
  rmSync(pidFile(agent.workDir), { force: true })
}

/** The agent process that works in this folder now. */
export function runningIn(workDir: string): ProcessIdentity | undefined {
  const file = pidFile(workDir)
  if (!existsSync(file)) return undefined
  try {
    const identity = JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity
    return alive(identity) ? identity : undefined
  } catch {
    return undefined
  }
}

function pidFile(workDir: string): string {
  return join(workDir, 'agent.pid.json')
}

function quoted(argument: string): string {
  return /^[\w./:=-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`
}
