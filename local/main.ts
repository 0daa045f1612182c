// `npm start`: a whole cluster on this machine, from nothing to `ready`, and to nothing again.
import { createWriteStream, existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Environment, Log } from '../functions/environment.ts'
import { jsonLog } from '../functions/ports/log.ts'
import { sqsQueues } from '../functions/ports/queues-sqs.ts'
import { localSettings } from '../master/settings.ts'
import { systemClock } from '../protocol/clock.ts'
import { dynamoStore } from '../store/dynamodb.ts'
import { createTable } from '../store/table.ts'
import { type LocalAgent, type LocalAgents, localAgents } from './agents.ts'
import { startControlPlane } from './control-plane.ts'
import { type DataFolder, openDataFolder, sentenceOf } from './data-folder.ts'
import { isReadByOthers, openDoors } from './doors.ts'
import { startDynamoEmulator } from './emulators/dynamodb.ts'
import { type SqsEmulator, startSqsEmulator } from './emulators/sqs.ts'
import { Ending } from './ending.ts'
import { faultRoutes } from './faults.ts'
import { freePorts, isFree } from './free-port.ts'
import { readOptions } from './options.ts'
import { rememberedPort } from './remembered-port.ts'
import { type Screen, startScreen } from './screen.ts'
import { tableCalls } from './table-calls.ts'

const TABLE_NAME = 'meseta'
const HOST = '127.0.0.1'

const options = readOptions(process.argv.slice(2))
const screen = startScreen({ logFormat: options.logFormat, agentsWanted: options.agents })
let data: DataFolder | undefined
let agents: LocalAgents | undefined
const ending = new Ending({
  onBegin: () => screen.stopping(agents?.agents.length ?? 0),
  onEnd: () => screen.stopped(data?.kept === true ? data.path : undefined),
  hurry: () => agents?.kill(),
})
ending.watchSignals()
main().catch(fail)
process.on('uncaughtException', fail)

async function main(): Promise<void> {
  if (options.port !== 0 && !(await isFree(options.port))) {
    throw new Error(
      `port ${options.port} is in use; stop what listens there, or give another one with --port`,
    )
  }
  data = openDataFolder(options.data)
  const dataDir = data.path
  ending.undo(data.giveBack)
  const port = options.port === 0 ? await anyPort(data) : options.port
  const logFile = logFileIn(dataDir)
  const log = logTo(logFile)

  const emulated = screen.step(options.dynamodbEndpoint === undefined ? 'emulators' : 'queues')
  const [dynamo, sqs] = await Promise.all([dynamodb(data), queuesEmulator(data)])
  const calls = await tableCalls(dynamo)
  ending.undo(() => calls.close())
  const queues = sqsQueues({
    clock: systemClock,
    region: 'us-east-1',
    prefix: 'meseta',
    endpoint: sqs.endpoint,
  })
  await ending.step(Promise.all([createTable(calls, TABLE_NAME), queues.ensureFunctionQueues()]))
  emulated()

  const doors = openDoors(options.doors, { log, clock: systemClock })
  const answering = screen.step('control plane')
  const starting = startControlPlane({
    store: dynamoStore({
      calls,
      tableName: TABLE_NAME,
      clock: systemClock,
      useTransactionTokens: false,
      log,
    }),
    queues,
    clock: systemClock,
    restored: options.restored,
    settings: localSettings(options.profile, {
      streamGraceMs: options.streamGraceMs,
      canaryWaitMs: 100,
      agentRemovalRateLimit: options.agentRemovalRateLimit,
      rateLimits: options.rateLimits,
      acls: doors.acls,
      registryMaxAgentAgeMs: options.registryMaxAgentAgeMs,
      registryMaxAgentCount: options.registryMaxAgentCount,
      publicAddress: { hostname: HOST, ip: HOST, port },
    }),
    log,
    ec2: await ec2Emulator(),
    logFile,
    host: HOST,
    port,
    guards: doors.guards,
    intercept: faultRoutes(() => agents?.agents ?? [], sqs.cutOff, { log, ...doors }),
  })
  const { url, readState } = await ending.step(starting, (controlPlane) => controlPlane.stop())
  answering()

  const { credentials } = options.doors
  if (credentials !== undefined && isReadByOthers(credentials)) {
    screen.say(`${credentials} can be read by others on this machine; chmod 600 it`)
  }
  // Where the doors are closed the screen would need a name of its own, and where calls are counted it takes none.
  const isOpen = credentials === undefined && doors.acls === undefined && options.rateLimits === undefined
  screen.watch(url, isOpen ? undefined : readState)
  let isReady = false
  agents = localAgents({
    count: options.agents,
    masterUrl: url,
    firstPort: port + 1,
    dataDir,
    outliveControlPlane: options.data !== undefined,
    resources: options.agentResources,
    attributes: options.agentAttributes,
    onExit: (agent, how) => {
      if (isReady) agentEnded(screen, agent, how)
      else fail(new Error(`agent ${agent.index} ${how} before it was registered${lastError(agent)}`))
    },
  })
  const all = agents
  ending.undo(() => all.stop())
  screen.showDead(() => all.dead())
  await ending.step(all.start())
  await ending.step(screen.untilRegistered(all.agents.slice(0, options.agents)))
  isReady = true
  screen.ready()
}

/** One sentence, and everything that was started is stopped. */
function fail(error: unknown): void {
  if (ending.hasBegun) return
  screen.clear()
  process.stderr.write(`error: ${sentenceOf(error, data?.path)}\n`)
  if (process.env.MESETA_DEBUG !== undefined) process.stderr.write(`${(error as Error).stack}\n`)
  ending.begin(1)
}

/** R26: a dead agent is not started again; the line to do so is shown. */
function agentEnded(on: Screen, agent: LocalAgent, how: string): void {
  on.say(`agent ${agent.index} ${how}`)
  on.hint(agent.command)
}

/** What the agent itself said last, as the end of a sentence. */
function lastError({ workDir }: LocalAgent): string {
  const file = join(workDir, 'agent.log')
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
  const last = lines.findLast((line) => line.includes('"level":"error"') || line.startsWith('error: '))
  if (last === undefined) return `; ${file} may say why`
  try {
    const { text, error } = JSON.parse(last) as { readonly text?: string; readonly error?: string }
    return `: ${error ?? text}`
  } catch {
    return `: ${last.slice('error: '.length)}`
  }
}

/** The front's port and those of the agents behind it; with a data folder the same as at the last start. */
async function anyPort({ path, kept }: DataFolder): Promise<number> {
  const block = () => freePorts(1 + options.agents)
  if (!kept) return await block()
  const file = join(path, 'front.port')
  const port = await rememberedPort(file, block)
  if (await isFree(port)) return port
  rmSync(file)
  return await rememberedPort(file, block)
}

/** The file the log goes to, which operators can read as `/master/log`; undefined when it is printed. */
function logFileIn(dataDir: string): string | undefined {
  if (options.logFormat === 'json' && !process.stdout.isTTY) return undefined
  return join(dataDir, 'control-plane.log')
}

function logTo(logFile: string | undefined): Log {
  if (logFile === undefined) return jsonLog({ destination: process.stdout })
  const destination = createWriteStream(logFile, { flags: 'a', mode: 0o600 })
  // A full disk must not end the cluster: what cannot be written down is lost, and said once.
  destination.once('error', (error) => screen.say(`the log cannot be written: ${error.message}`))
  destination.on('error', () => {})
  return jsonLog({ destination })
}

async function dynamodb({ path, kept }: DataFolder): Promise<string> {
  if (options.dynamodbEndpoint !== undefined) return options.dynamodbEndpoint
  const starting = startDynamoEmulator({ dataDir: kept ? path : undefined })
  return (await ending.step(starting, (emulator) => emulator.stop())).endpoint
}

/** The client is read in only by those who ask for it: it is large. */
async function ec2Emulator(): Promise<Environment['ec2']> {
  if (options.ec2Endpoint === undefined) return undefined
  const { ec2Client } = await import('../functions/ports/ec2-client.ts')
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  const ec2 = ec2Client({ region: 'us-east-1', endpoint: options.ec2Endpoint, credentials })
  ending.undo(() => ec2.close())
  return ec2
}

/** With a data folder the port is the same at each start: agents that outlived us go on polling it. */
async function queuesEmulator({ path, kept }: DataFolder): Promise<SqsEmulator> {
  const port = kept ? await rememberedPort(join(path, 'sqs.port')) : 0
  if (port !== 0 && !(await isFree(port))) {
    throw new Error(
      `port ${port} of the queues, which agents of ${path} know, is in use; stop what listens there and start again`,
    )
  }
  const starting = startSqsEmulator({
    port,
    dataDir: kept ? join(path, 'sqs') : undefined,
  })
  return await ending.step(starting, (emulator) => emulator.stop())
}
