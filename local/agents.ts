// The agents of one machine: each a process of its own that outlives a kill of the control plane.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, openSync, readFileSync } from 'node:fs'
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
      '--partition-file',
      partitionFile(workDir),
      '--resources',
      resources,
      ...(options.attributes === undefined ? [] : ['--attributes', options.attributes]),
    ]
  }

  async function stop(): Promise<void> {
    stopping = true
    await Promise.all(agents.map((agent) => stopOne(agent, children.get(agent.index))))
  }
}

/** SIGUSR1 asks an agent to end its tasks, to unregister and to go; who does not within 10 s, is killed. */
async function stopOne(agent: LocalAgent, child: ChildProcess | undefined): Promise<void> {
  // One that has only just been started has not taken its folder yet.
  const running = runningIn(agent.workDir) ?? identityOfChild(child)
  if (running === undefined) return
  process.kill(running.pid, 'SIGUSR1')
  for (let tries = 0; tries < 500 && alive(running); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  if (alive(running)) process.kill(running.pid, 'SIGKILL')
}

function identityOfChild(child: ChildProcess | undefined): ProcessIdentity | undefined {
  if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return undefined
  try {
    return identityOf(child.pid)
  } catch {
    return undefined
  }
}

/** The agent process that works in this folder now, whoever started it: the folder's own lock names it. */
export function runningIn(workDir: string): ProcessIdentity | undefined {
  try {
    const { pid, startTime, bootId } = JSON.parse(readFileSync(join(workDir, 'meta', 'lock'), 'utf8')) as Lock
    const identity = { pid, startTime: String(startTime), bootId }
    return alive(identity) ? identity : undefined
  } catch {
    return undefined
  }
}

/** What an agent writes into its lock. */
interface Lock {
  readonly pid: number
  readonly startTime: number
  readonly bootId: string
}

/** Holds the time (ms since 1970) until which the agent is cut off; see agent/partition.ts. */
export function partitionFile(workDir: string): string {
  return join(workDir, 'partitioned-until')
}

function quoted(argument: string): string {
  return /^[\w./:=-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`
}
