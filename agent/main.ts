// The agent as a process: flags, signals, a log of JSON lines, and one line `ready` when it is registered.
import { mkdirSync, realpathSync } from 'node:fs'
import { systemClock } from '../protocol/clock.ts'
import { ProcessContainerizer } from './containerizer/process.ts'
import { isAlive, readStat } from './containerizer/process-table.ts'
import { chooseShim } from './containerizer/shim.ts'
import { httpControlPlane } from './control-plane.ts'
import { withDetected } from './detected-resources.ts'
import { type Flags, readFlags } from './flags.ts'
import { jsonLog } from './log.ts'
import { partitionable } from './partition.ts'
import { containersDirectory, shimsDirectory } from './paths.ts'
import { type RunningAgent, startAgent } from './start.ts'

/** How often a parent is looked for. */
const PARENT_LOOK_MS = 250

const log = jsonLog(systemClock.now, (line) => process.stdout.write(`${line}\n`))
const flags = readFlags(process.argv.slice(2))
try {
  await run(flags)
} catch (error) {
  log.error('the agent did not start', { error: error instanceof Error ? error.message : String(error) })
  process.exit(1)
}

async function run(given: Flags): Promise<void> {
  mkdirSync(given.workDir, { recursive: true })
  // Canonical, for no link is followed in it: what is beneath is known by this one name.
  const workDir = realpathSync(given.workDir)
  const containerizer = new ProcessContainerizer({
    containersDirectory: containersDirectory(workDir),
    shims: chooseShim({ buildDirectory: shimsDirectory(workDir) }),
    clock: systemClock,
  })
  const plain = httpControlPlane(given.master, (sentence) => log.warn(sentence))
  const starting = startAgent({
    ...given,
    controlPlane:
      given.partitionFile === undefined ? plain : partitionable(plain, given.partitionFile, systemClock),
    workDir,
    resources: withDetected(given.resources, workDir),
    containerizer,
    flags: given.shown,
    log,
    onEnd: (why, failed) => exit(failed ? 1 : 0, why),
  })
  // From the first moment: Node would open its debugger on SIGUSR1 that nobody listens to.
  watchSignals(starting, given)
  const agent = await starting
  if (given.recover === 'cleanup') exit(0, 'all that ran here has been ended, as --recover cleanup asks')
  if (given.parentPid !== undefined) watchParent(agent, given.parentPid)
  const agentId = await agent.registered
  process.stdout.write(`ready ${JSON.stringify({ agentId, port: agent.port })}\n`)

  function exit(status: number, why: string): void {
    log.info('the agent process ends', { why })
    process.exit(status)
  }

  /** SIGTERM leaves the tasks alone, as in Mesos; SIGUSR1 ends them and unregisters. */
  function watchSignals(running: Promise<RunningAgent>, { stopTasksOnExit }: Flags): void {
    const leave = async (signal: string, endTasks: boolean) => {
      const one = await running
      await (endTasks ? one.end() : one.stop())
      exit(0, signal)
    }
    process.on('SIGTERM', () => void leave('SIGTERM', stopTasksOnExit))
    process.on('SIGINT', () => void leave('SIGINT', stopTasksOnExit))
    process.on('SIGUSR1', () => void leave('SIGUSR1', true))
  }

  function watchParent(running: RunningAgent, pid: number): void {
    const parent = readStat(pid)
    const look = () => {
      if (parent !== undefined && isAlive(parent)) systemClock.after(PARENT_LOOK_MS, look)
      // The parent is the control plane.
      else void running.end('untold').then(() => exit(0, 'the parent process is gone'))
    }
    look()
  }
}
