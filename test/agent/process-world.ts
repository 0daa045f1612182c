// The agent as the process that operators start, over a fake control plane behind HTTP: it can be killed and stopped.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readJson, writeJson } from '../../agent/exact-json.ts'
import type { AgentCall } from '../../protocol/agent-messages.ts'
import { ROOT } from '../vitest.ts'
import { FakeControlPlane, type Registered } from './control-plane-fake.ts'
import { framework } from './tasks.ts'

/** Answers over HTTP as the control plane and its queues do. */
export class ServedControlPlane extends FakeControlPlane {
  #server: Server | undefined
  #port = 0

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  async serve(): Promise<void> {
    this.#server = createServer((request, response) => {
      void this.#answer(request, response).catch(() => response.destroy())
    })
    await new Promise<void>((resolve) => this.#server?.listen(0, '127.0.0.1', resolve))
    this.#port = (this.#server.address() as AddressInfo).port
  }

  override close(): void {
    this.#server?.close()
    this.#server?.closeAllConnections()
  }

  protected override queues(): Pick<Registered, 'beats' | 'commands' | 'queueEndpoint'> {
    const beats = { queueUrl: `${this.url}/beats`, group: '0', intervalMs: 500 }
    return { beats, commands: { queueUrl: `${this.url}/commands` }, queueEndpoint: this.url }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.away) throw new Error('away')
    const body = readJson(await bodyOf(request))
    const operation = String(request.headers['x-amz-target'] ?? '').split('.')[1]
    const answer =
      operation === undefined
        ? await this.call(body as AgentCall)
        : await this.#queue(operation, body, response)
    response.setHeader('content-type', 'application/json')
    response.end(writeJson(answer ?? {}))
  }

  async #queue(operation: string, body: unknown, response: ServerResponse): Promise<unknown> {
    if (operation === 'SendMessage') {
      await this.beat(undefined, JSON.parse((body as { MessageBody: string }).MessageBody))
      return { MessageId: 'm' }
    }
    if (operation !== 'ReceiveMessage') return { Successful: [], Failed: [] }
    const gone = new AbortController()
    response.on('close', () => gone.abort())
    const received = await this.receive(undefined, gone.signal)
    return {
      Messages: received.map(({ nudge, receipt }, index) => ({
        MessageId: String(index),
        ReceiptHandle: receipt,
        Body: writeJson(nudge),
      })),
    }
  }
}

export interface AgentChild {
  readonly pid: number
  /** What it has said so far, a line each. */
  readonly lines: readonly string[]
  readonly registered: Promise<void>
  readonly ended: Promise<number | null>
  signal(signal: NodeJS.Signals): void
  /** Ends it as the kernel does, and waits until it is gone. */
  kill(): Promise<void>
}

export interface ProcessWorld {
  readonly controlPlane: ServedControlPlane
  readonly workDir: string
  /** Starts an agent that may register later, or never; more flags come last. */
  launch(...flags: string[]): AgentChild
  /** The same, and waits until it is registered or has ended. */
  start(...flags: string[]): Promise<AgentChild>
  /** Ends every task and agent of this world. */
  close(): Promise<void>
}

export interface WorldOptions {
  readonly workDir?: string | undefined
  /** Variables of the agents' environment. */
  readonly env?: Readonly<Record<string, string>> | undefined
}

export async function processWorld(options: WorldOptions = {}): Promise<ProcessWorld> {
  const workDir = options.workDir ?? mkdtempSync(join(tmpdir(), 'meseta-process-'))
  const controlPlane = new ServedControlPlane()
  controlPlane.frameworks = [framework()]
  await controlPlane.serve()
  const children: AgentChild[] = []
  const launch = (...flags: string[]) => {
    const child = spawnAgent(controlPlane.url, workDir, flags, options.env ?? {})
    children.push(child)
    return child
  }
  const start = async (...flags: string[]) => {
    const child = launch(...flags)
    await Promise.race([child.registered, child.ended])
    return child
  }
  return {
    controlPlane,
    workDir,
    launch,
    start,
    async close() {
      for (const child of children) await child.kill()
      controlPlane.away = false
      const last = await start('--recover', 'cleanup', '--no-strict')
      await Promise.race([last.ended, new Promise((resolve) => setTimeout(resolve, 20_000))])
      await last.kill()
      controlPlane.close()
      rmSync(workDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    },
  }
}

function spawnAgent(
  master: string,
  workDir: string,
  flags: readonly string[],
  env: Readonly<Record<string, string>>,
): AgentChild {
  const own = ['--master', master, '--work-dir', workDir, '--port', '0', '--resources', RESOURCES]
  const child: ChildProcess = spawn(process.execPath, [join(ROOT, 'agent', 'main.ts'), ...own, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  const lines: string[] = []
  const { promise: registered, resolve: tellRegistered } = Promise.withResolvers<void>()
  for (const stream of [child.stdout, child.stderr]) {
    let rest = ''
    stream?.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n')
      rest = parts.pop() ?? ''
      lines.push(...parts)
      if (parts.some((line) => line.startsWith('ready '))) tellRegistered()
    })
  }
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve))
  return {
    pid: child.pid ?? 0,
    lines,
    registered,
    ended,
    signal: (signal) => child.kill(signal),
    async kill() {
      child.kill('SIGCONT')
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Whether a process runs; one that has ended and only waits to be reaped does not. */
export function isRunning(pid: number): boolean {
  const state = stateOf(pid)
  return state !== undefined && state !== 'Z' && state !== 'X'
}

/** `T` is stopped; undefined is gone. */
export function stateOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return text.slice(text.lastIndexOf(')') + 2, text.lastIndexOf(')') + 3)
  } catch {
    return undefined
  }
}

const RESOURCES = 'cpus:4;mem:4096;disk:10240;ports:[31000-31999]'

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
