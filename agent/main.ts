// The agent as a process: flags, signals, a log of JSON lines, and one line `ready` when it is registered.
import { mkdirSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { systemClock } from '../protocol/clock.ts'
import { MESETA_VERSION } from '../protocol/version.ts'
import { ProcessContainerizer } from './containerizer/process.ts'
import { isAlive, readStat } from './containerizer/process-table.ts'
import { chooseShim } from './containerizer/shim.ts'
import { tasksGroup } from './containerizer/tasks-group.ts'
import { httpControlPlane } from './control-plane.ts'
import { withDetected } from './detected-resources.ts'
import { type Flags, readFlags } from './flags.ts'
import { findInstance } from './instance.ts'
import { jsonLog } from './log.ts'
import { instanceMetadata } from './metadata.ts'
import { partitionable } from './partition.ts'
import { containersDirectory, shimsDirectory } from './paths.ts'
import { type RunningAgent, startAgent } from './start.ts'
import { whereabouts } from './whereabouts.ts'

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
  // Nobody is to believe the one before.
  if (given.readyFile !== undefined) rmSync(given.readyFile, { force: true })
  const starting = begin(given)
  // From the first moment: Node would open its debugger on SIGUSR1 that nobody listens to.
  watchSignals(starting, given)
  const agent = await starting
  if (given.recover === 'cleanup') exit(0, 'all that ran here has been ended, as --recover cleanup asks')
  if (given.parentPid !== undefined) watchParent(agent, given.parentPid)
  const agentId = await agent.registered
  if (given.readyFile !== undefined) writeReady(given.readyFile, agentId)
  process.stdout.write(`ready ${JSON.stringify({ agentId, port: agent.port })}\n`)

  /** Its machine is asked first where this is, if it is to be. */
  async function begin({ master, partitionFile, tasksCgroup }: Flags): Promise<RunningAgent> {
    mkdirSync(given.workDir, { recursive: true })
    // Canonical, for no link is followed in it: what is beneath is known by this one name.
    const workDir = realpathSync(given.workDir)
    const endpoint = process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT
    const metadata = instanceMetadata({ clock: systemClock, endpoint })
    const instance = await findInstance(given.instanceMetadata, { metadata, clock: systemClock })
    const where = whereabouts(given, instance)
    const group = tasksCgroup === undefined ? undefined : tasksGroup(tasksCgroup, log)
    const containerizer = new ProcessContainerizer({
      containersDirectory: containersDirectory(workDir),
      shims: chooseShim({ buildDirectory: shimsDirectory(workDir), group }),
      clock: systemClock,
    })
    const plain = httpControlPlane(master, (sentence) => log.warn(sentence))
    return await startAgent({
      ...given,
      ...where,
      metadata: instance === undefined ? undefined : metadata,
      controlPlane: partitionFile === undefined ? plain : partitionable(plain, partitionFile, systemClock),
      workDir,
      resources: withDetected(given.resources, workDir),
      containerizer,
      flags: { ...given.shown, ip: where.ip, hostname: where.hostname },
      log,
      onEnd: (why, failed) => exit(failed ? 1 : 0, why),
    })
  }

  /** Whole or not at all: whoever waits for it reads it at once. */
  function writeReady(path: string, agentId: string): void {
    const said = { agentId, pid: process.pid, version: MESETA_VERSION }
    writeFileSync(`${path}.new`, `${JSON.stringify(said)}\n`)
    renameSync(`${path}.new`, path)
  }

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
