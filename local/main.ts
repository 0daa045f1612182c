// `npm start`: a whole cluster on this machine, from nothing to `ready`, and to nothing again.
import { createWriteStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Log } from '../functions/environment.ts'
import { jsonLog } from '../functions/ports/log.ts'
import { sqsQueues } from '../functions/ports/queues-sqs.ts'
import { localSettings } from '../master/settings.ts'
import { systemClock } from '../protocol/clock.ts'
import { dynamoStore } from '../store/dynamodb.ts'
import type { DynamoCalls } from '../store/dynamodb-calls.ts'
import { plainCalls } from '../store/plain-calls.ts'
import { createTable } from '../store/table.ts'
import { type LocalAgents, startAgents } from './agents.ts'
import { startControlPlane } from './control-plane.ts'
import { startDynamoEmulator } from './emulators/dynamodb.ts'
import { startSqsEmulator } from './emulators/sqs.ts'
import { faultRoutes } from './faults.ts'
import { isFree } from './free-port.ts'
import { lock } from './lock.ts'
import { readOptions, type StartOptions } from './options.ts'
import { rememberedPort } from './remembered-port.ts'
import { type Screen, startScreen } from './screen.ts'

const TABLE_NAME = 'meseta'
const HOST = '127.0.0.1'

/** What has to be undone at the end, last first. */
const undo: (() => Promise<void> | void)[] = []
let ending: Promise<void> | undefined

main(readOptions(process.argv.slice(2))).catch((error: unknown) => {
  process.stderr.write(`error: ${(error as Error).message}\n`)
  if (process.env.MESETA_DEBUG !== undefined) process.stderr.write(`${(error as Error).stack}\n`)
  end(1)
})

async function main(options: StartOptions): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end(0))
  watchParent()
  if (options.port !== 0 && !(await isFree(options.port))) {
    throw new Error(
      `port ${options.port} is in use; stop what listens there, or give another one with --port`,
    )
  }
  const dataDir = dataFolder(options)
  undo.push(lock(dataDir))
  const logFile = logFileIn(dataDir, options)
  const log = logTo(logFile)

  const [dynamo, sqs] = await Promise.all([dynamodb(options, dataDir), queuesEmulator(options, dataDir)])
  const calls = await callsTo(dynamo)
  const queues = sqsQueues({
    clock: systemClock,
    region: 'us-east-1',
    prefix: 'meseta',
    endpoint: sqs,
  })
  await Promise.all([createTable(calls, TABLE_NAME), queues.ensureFunctionQueues()])
  undo.push(() => calls.close())

  let agents: LocalAgents | undefined
  const controlPlane = await startControlPlane({
    store: dynamoStore({
      calls,
      tableName: TABLE_NAME,
      clock: systemClock,
      useTransactionTokens: false,
      log,
    }),
    queues,
    clock: systemClock,
    settings: localSettings(options.profile, {
      streamGraceMs: options.streamGraceMs,
      publicAddress: { hostname: HOST, ip: HOST, port: options.port },
    }),
    log,
    logFile,
    host: HOST,
    port: options.port,
    intercept: faultRoutes(() => agents?.agents ?? []),
  })
  undo.push(() => controlPlane.stop())

  const screen = startScreen({
    url: controlPlane.url,
    logFormat: options.logFormat,
    agentsWanted: options.agents,
  })
  undo.push(() => screen.stop())
  agents = await startAgents({
    count: options.agents,
    masterUrl: controlPlane.url,
    firstPort: Number(new URL(controlPlane.url).port) + 1,
    dataDir,
    outliveControlPlane: options.data !== undefined,
    resources: options.agentResources,
    attributes: options.agentAttributes,
    onExit: (agent, how) => agentEnded(screen, agent.index, how, agent.command),
  })
  const started = agents
  undo.push(() => started.stop())
  await screen.untilRegistered(options.agents)
  screen.ready()
}

/** R26: a dead agent is not started again; the line to do so is shown. */
function agentEnded(screen: Screen, index: number, how: string, command: string): void {
  screen.say(`agent ${index} ${how}`)
  screen.hint(command)
}

/** The given folder, made if missing, or a fresh one that goes with us. */
function dataFolder(options: StartOptions): string {
  if (options.data === undefined) {
    const fresh = mkdtempSync(join(tmpdir(), 'meseta-'))
    undo.push(() => rmSync(fresh, { recursive: true, force: true, maxRetries: 5 }))
    return fresh
  }
  const folder = resolve(options.data)
  try {
    mkdirSync(folder, { recursive: true })
  } catch (error) {
    throw new Error(
      `${folder} cannot be made (${(error as NodeJS.ErrnoException).code}); give another folder with --data`,
    )
  }
  return folder
}

/** The file the log goes to, which operators can read as `/master/log`; undefined when it is printed. */
function logFileIn(dataDir: string, options: StartOptions): string | undefined {
  if (options.logFormat === 'json' && !process.stdout.isTTY) return undefined
  return join(dataDir, 'control-plane.log')
}

function logTo(logFile: string | undefined): Log {
  return jsonLog({
    destination: logFile === undefined ? process.stdout : createWriteStream(logFile, { flags: 'a' }),
  })
}

async function dynamodb(options: StartOptions, dataDir: string): Promise<string> {
  if (options.dynamodbEndpoint !== undefined) return options.dynamodbEndpoint
  const emulator = await startDynamoEmulator({ dataDir: options.data === undefined ? undefined : dataDir })
  undo.push(() => emulator.stop())
  return emulator.endpoint
}

/** Plain http is an emulator, which reads no signature; anything else is called with the machine's AWS credentials. */
async function callsTo(endpoint: string): Promise<DynamoCalls> {
  if (endpoint.startsWith('http://')) return plainCalls({ endpoint })
  const { dynamoClient, sdkCalls } = await import('../store/dynamodb-client.ts')
  return sdkCalls(dynamoClient({ endpoint }))
}

/** With a data folder the port is the same at each start: agents that outlived us go on polling it. */
async function queuesEmulator(options: StartOptions, dataDir: string): Promise<string> {
  const kept = options.data === undefined ? undefined : dataDir
  const port = kept === undefined ? 0 : await rememberedPort(join(kept, 'sqs.port'))
  const emulator = await startSqsEmulator({
    port,
    dataDir: kept === undefined ? undefined : join(kept, 'sqs'),
  })
  undo.push(() => emulator.stop())
  return emulator.endpoint
}

/** The death of our parent ends us too: nobody would be left to stop what we started. */
function watchParent(): void {
  const parent = process.ppid
  setInterval(() => {
    if (process.ppid !== parent) end(0)
  }, 500).unref()
}

function end(code: number): void {
  if (ending !== undefined) return
  process.exitCode = code
  ending = (async () => {
    for (const step of undo.reverse()) {
      await Promise.resolve(step()).catch((error: unknown) =>
        process.stderr.write(`while stopping: ${error}\n`),
      )
    }
    process.exit(code)
  })()
}
