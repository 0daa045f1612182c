// The agents of one machine: each a process of its own that outlives a kill of the control plane.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isFree } from './free-port.ts'
import { killMachine } from './machine.ts'
import { alive, type ProcessIdentity } from './process-identity.ts'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
/** An agent gives its tasks time to end, and reports their ends; after this everything of it is killed. */
const END_MS = 10_000
const LOOK_MS = 20
/** How often agents that are no children of ours are looked for. */
const WATCH_MS = 1_000

export interface LocalAgent {
  readonly index: number
  readonly port: number
  readonly workDir: string
  /** It ran already, left by an earlier control plane or started by hand. */
  readonly adopted: boolean
  /** True once it said that it is registered; an adopted one was before. */
  readonly saidReady: () => boolean
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
  /** Said once each time an agent's process has ended while the cluster runs. */
  readonly onExit: (agent: LocalAgent, how: string) => void
}

export interface LocalAgents {
  /** Those started or adopted so far. */
  readonly agents: readonly LocalAgent[]
  /** Starts the agents that do not run yet (R25). A port in use is one clear sentence. */
  start(): Promise<void>
  /** Agents whose process is not there now. */
  dead(): readonly LocalAgent[]
  /** Ends every agent and every task, and waits for it. */
  stop(): Promise<void>
  /** Kills every agent and every task, at once and without a word to anybody. */
  kill(): void
}

export function localAgents(options: AgentsOptions): LocalAgents {
  const children = new Map<number, ChildProcess>()
  const agents: LocalAgent[] = []
  /** Adopted agents seen alive at the last look. */
  const watched = new Set<LocalAgent>()
  let stopping = false
  let watch: NodeJS.Timeout | undefined
  return {
    agents,
    async start() {
      mkdirSync(join(options.dataDir, 'agents'), { recursive: true })
      for (let index = 0; index < options.count && !stopping; index++) await startOne(index)
      // Left by an earlier start with more agents: they are part of the cluster, and end with it.
      for (const index of runningBeyond(options.count)) if (!stopping) await startOne(index)
      watch = setInterval(lookForOthers, WATCH_MS)
    },
    dead: () => agents.filter((agent) => runningIn(agent.workDir) === undefined && !isStarting(agent)),
    stop,
    kill() {
      for (const agent of agents) killMachine(agent.workDir)
    },
  }

  async function startOne(index: number): Promise<void> {
    const workDir = join(options.dataDir, 'agents', String(index))
    const port = options.firstPort + index
    mkdirSync(workDir, { recursive: true })
    const args = agentArguments(index, port, workDir)
    const running = runningIn(workDir)
    const adopted = running !== undefined && (await adopt(running, options.masterUrl))
    const agent: LocalAgent = {
      index,
      port: adopted ? (argumentOf(running, '--port') ?? port) : port,
      workDir,
      adopted,
      saidReady: adopted ? () => true : readyIn(join(workDir, 'agent.log')),
      command: `npx meseta agent start ${args.map(quoted).join(' ')}`,
    }
    if (!adopted) await requireFree(agent)
    // The end may have come while we looked.
    if (stopping) return
    agents.push(agent)
    if (adopted) watched.add(agent)
    else spawnAgent(agent, args)
  }

  function spawnAgent(agent: LocalAgent, args: readonly string[]): void {
    const log = openSync(join(agent.workDir, 'agent.log'), 'a', 0o600)
    // Who types commands here is not who its tasks are.
    const { MESETA_PRINCIPAL: _, MESETA_SECRET: __, ...env } = process.env
    const child = spawn(process.execPath, [join(ROOT, 'bin', 'run.js'), 'agent/main.ts', ...args], {
      stdio: ['ignore', log, log],
      env,
      detached: true,
    })
    children.set(agent.index, child)
    child.unref()
    child.once('exit', (code, signal) => {
      children.delete(agent.index)
      if (stopping) return
      options.onExit(agent, signal === null ? `ended with status ${code}` : `was ended by ${signal}`)
    })
  }

  /** Nobody tells us of the end of a process that is no child of ours: adopted, or started again by hand. */
  function lookForOthers(): void {
    for (const agent of agents) {
      if (children.has(agent.index)) continue
      if (runningIn(agent.workDir) !== undefined) watched.add(agent)
      else if (watched.delete(agent) && !stopping) options.onExit(agent, 'ended')
    }
  }

  function isStarting(agent: LocalAgent): boolean {
    return children.has(agent.index)
  }

  function runningBeyond(count: number): number[] {
    return readdirSync(join(options.dataDir, 'agents'), { withFileTypes: true })
      .map(({ name }) => Number(name))
      .filter((index) => Number.isInteger(index) && index >= count)
      .filter((index) => runningIn(join(options.dataDir, 'agents', String(index))) !== undefined)
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
      '--partition-file',
      partitionFile(workDir),
      ...(options.outliveControlPlane ? [] : ['--parent-pid', String(process.pid)]),
    ]
  }

  async function stop(): Promise<void> {
    stopping = true
    clearInterval(watch)
    await Promise.all(agents.map((agent) => stopOne(agent, children.get(agent.index))))
  }
}

/** Looks for the line `ready`, which an agent writes when it is registered, behind what the log holds now. */
function readyIn(log: string): () => boolean {
  const from = statSync(log, { throwIfNoEntry: false })?.size ?? 0
  let said = false
  return () => {
    said ||= existsSync(log) && /^ready /m.test(readFileSync(log).subarray(from).toString('utf8'))
    return said
  }
}

/**
 * True when the running agent can be kept: it speaks to this control plane. One that was started for another address
 * is stopped, its tasks go on, and the agent that is started in its place takes them over.
 */
async function adopt(running: ProcessIdentity, masterUrl: string): Promise<boolean> {
  // It may have been stopped by `meseta dev pause`, and nobody is left to wake it.
  send(running, 'SIGCONT')
  const master = flagOf(argvOf(running), '--master')
  if (master === undefined || master === masterUrl) return true
  send(running, 'SIGTERM')
  if (!(await untilGone(running, END_MS))) send(running, 'SIGKILL')
  return false
}

async function requireFree({ index, port }: LocalAgent): Promise<void> {
  if (await isFree(port)) return
  throw new Error(
    `port ${port} for agent ${index} is in use; stop what listens there, or give another --port (agents take the ports that follow it)`,
  )
}

/**
 * SIGUSR1 asks an agent to end its tasks, to unregister and to go; who does not in time, is killed with all it has. One
 * that has only just been started has not taken its folder yet and does not listen: it is killed.
 */
async function stopOne(agent: LocalAgent, child: ChildProcess | undefined): Promise<void> {
  const running = runningIn(agent.workDir)
  if (running === undefined) child?.kill('SIGKILL')
  else {
    send(running, 'SIGCONT')
    send(running, 'SIGUSR1')
    await untilGone(running, END_MS)
  }
  killMachine(agent.workDir)
}

/** False when it is still there at the end. */
async function untilGone(running: ProcessIdentity, ms: number): Promise<boolean> {
  for (let waited = 0; alive(running); waited += LOOK_MS) {
    if (waited >= ms) return false
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
  return true
}

function send({ pid }: ProcessIdentity, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended by itself.
  }
}

function argumentOf(running: ProcessIdentity, flag: string): number | undefined {
  const value = Number(flagOf(argvOf(running), flag))
  return Number.isInteger(value) && value > 0 ? value : undefined
}

function flagOf(argv: readonly string[], flag: string): string | undefined {
  const at = argv.indexOf(flag)
  return at < 0 ? undefined : argv[at + 1]
}

function argvOf({ pid }: ProcessIdentity): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    return []
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
