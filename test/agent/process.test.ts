// The agent as a process of its own over real HTTP and a real queue: kill -9, signals, a parent that goes.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type SqsEmulator, startSqsEmulator } from '../../local/emulators/sqs.ts'
import type { AgentCall, Nudge } from '../../protocol/agent-messages.ts'
import { ROOT } from '../vitest.ts'
import { until } from './agent-process.ts'
import { FakeControlPlane, type Registered } from './control-plane-fake.ts'
import { framework, gate, wanted } from './tasks.ts'

let emulator: SqsEmulator
let client: SQSClient
let commandsUrl: string
let beatsUrl: string
let front: Server
let controlPlane: FakeControlPlane
let workDir: string
const processes: ChildProcess[] = []

beforeAll(async () => {
  emulator = await startSqsEmulator({ port: 0 })
  const { endpoint } = emulator
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
  client = new SQSClient({ endpoint, region: 'us-east-1', credentials, useQueueUrlAsEndpoint: false })
  commandsUrl = await queue('agent-m-S1', {})
  beatsUrl = await queue('heartbeats.fifo', { FifoQueue: 'true' })
})
afterAll(() => emulator.stop())

beforeEach(async () => {
  workDir = mkdtempSync(join(tmpdir(), 'meseta-agent-'))
  controlPlane = new OverHttp()
  controlPlane.frameworks = [framework()]
  await client.send(new PurgeQueueCommand({ QueueUrl: commandsUrl }))
  front = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    // The agent sends what the type says.
    const call = JSON.parse(Buffer.concat(parts).toString()) as AgentCall
    response.end(JSON.stringify(await controlPlane.call(call)))
  })
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
})

afterEach(async () => {
  for (const child of processes.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGUSR1')
    await exited(child)
  }
  front.closeAllConnections()
  front.close()
  rmSync(workDir, { recursive: true, force: true })
})

test('F27, F30: kill -9 of the agent leaves its task running; the next one takes it over and reports its end', async () => {
  const first = await startProcess()
  controlPlane.want([wanted('long', `${gate(join(workDir, 'go'))}; exit 4`)])
  await until(() => controlPlane.states('long').length === 2)
  const pid = controlPlane.last('long')?.container_status?.executor_pid ?? 0
  first.kill('SIGKILL')
  await exited(first)
  expect(isRunning(pid)).toBe(true)
  await startProcess()
  expect(controlPlane.registrations.at(-1)?.tasks).toMatchObject([
    { taskId: 'long', state: 'TASK_RUNNING', lastUpdate: 2 },
  ])
  writeFileSync(join(workDir, 'go'), '')
  await until(() => controlPlane.states('long').length === 3)
  expect(controlPlane.last('long')).toMatchObject({
    state: 'TASK_FAILED',
    message: 'Command exited with status 4',
  })
}, 60_000)

test('SIGTERM leaves the tasks running, SIGUSR1 ends them and unregisters', async () => {
  const first = await startProcess()
  controlPlane.want([wanted('kept', 'sleep 100')])
  await until(() => controlPlane.states('kept').length === 2)
  const pid = controlPlane.last('kept')?.container_status?.executor_pid ?? 0
  first.kill('SIGTERM')
  expect(await exited(first)).toBe(0)
  expect(isRunning(pid)).toBe(true)
  const second = await startProcess()
  second.kill('SIGUSR1')
  expect(await exited(second)).toBe(0)
  expect(isRunning(pid)).toBe(false)
  expect(controlPlane.states('kept').at(-1)).toBe('TASK_KILLED')
  expect(controlPlane.calls.at(-1)?.type).toBe('UNREGISTER')
}, 60_000)

test('ends with its tasks when its parent is gone', async () => {
  const parent = spawn('sleep', ['100'], { stdio: 'ignore' })
  const child = await startProcess(['--parent-pid', String(parent.pid)])
  controlPlane.want([wanted('tied', 'sleep 100')])
  await until(() => controlPlane.states('tied').length === 2)
  const pid = controlPlane.last('tied')?.container_status?.executor_pid ?? 0
  parent.kill('SIGKILL')
  await exited(child)
  expect(isRunning(pid)).toBe(false)
}, 60_000)

test('beats go into the group, counted, under its incarnation', async () => {
  await startProcess()
  const beats: unknown[] = []
  while (beats.length < 2) {
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({ QueueUrl: beatsUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }),
    )
    for (const { Body = '', ReceiptHandle } of Messages) {
      beats.push(JSON.parse(Body))
      await client.send(new DeleteMessageCommand({ QueueUrl: beatsUrl, ReceiptHandle }))
    }
  }
  expect(beats[0]).toMatchObject({
    kind: 'beat',
    agentId: 'm-S1',
    incarnation: 1,
    number: expect.any(Number),
  })
}, 60_000)

/** Nudges travel through the queue. */
class OverHttp extends FakeControlPlane {
  override nudge(nudge: Nudge): void {
    void client.send(new SendMessageCommand({ QueueUrl: commandsUrl, MessageBody: JSON.stringify(nudge) }))
  }

  protected override queues(): Pick<Registered, 'beats' | 'commands' | 'queueEndpoint'> {
    return {
      beats: { queueUrl: beatsUrl, group: '0', intervalMs: 200 },
      commands: { queueUrl: commandsUrl },
      queueEndpoint: emulator.endpoint,
    }
  }
}

async function startProcess(more: readonly string[] = []): Promise<ChildProcess> {
  const { port } = front.address() as AddressInfo
  const args = [
    '--master',
    `http://127.0.0.1:${port}`,
    '--work-dir',
    workDir,
    '--port',
    '0',
    '--hostname',
    'h',
  ]
  const resources = ['--resources', 'cpus:4;mem:4096;disk:10240;ports:[31000-31999]']
  const child = spawn(process.execPath, [join(ROOT, 'agent/main.ts'), ...args, ...resources, ...more], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  processes.push(child)
  await new Promise<void>((resolve, reject) => {
    let out = ''
    child.stdout?.on('data', (data: Buffer) => {
      out += data.toString()
      if (/^ready /m.test(out)) resolve()
    })
    child.once('exit', (code) => reject(new Error(`ended with ${code}: ${out}`)))
  })
  return child
}

async function exited(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  return await new Promise((resolve) => child.once('exit', (code) => resolve(code)))
}

async function queue(name: string, Attributes: Record<string, string>): Promise<string> {
  const { QueueUrl = '' } = await client.send(new CreateQueueCommand({ QueueName: name, Attributes }))
  return QueueUrl
}

function isRunning(pid: number): boolean {
  try {
    return !/ Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
