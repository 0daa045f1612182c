// Starts tasks through the compiled shim: its server is a child of this agent, the shims it forks outlive both.
import { type ChildProcess, spawn } from 'node:child_process'
import { endianness } from 'node:os'
import { systemClock } from '../../protocol/clock.ts'
import { type Identity, parseIdentity } from './process-table.ts'
import { type Shim, type ShimOrder, START_TIMEOUT_MS } from './shim-order.ts'
import type { Command, TasksGroup } from './tasks-group.ts'

interface Waiting {
  readonly resolve: (main: Identity) => void
  readonly reject: (error: Error) => void
}

/** @param group that the server joins, and with it all it forks */
export function compiledShim(binary: string, group?: TasksGroup): Shim {
  const command: Command = [binary, 'serve']
  let server: Server | undefined
  return {
    kind: 'c',
    start(order) {
      if (server === undefined || server.isGone()) server = new Server(group?.inside(command) ?? command)
      return server.start(order)
    },
  }
}

/** An order as shim.c reads it. `agentPid`: whose descriptors the logs are. */
export function encodeOrder(order: ShimOrder, agentPid = process.pid): Buffer {
  const { account, environment, argv } = order
  const user =
    account === undefined
      ? ['-', '-', '-']
      : [String(account.uid), String(account.gid), account.groups.join(',')]
  // Descriptors do not fit into a pipe: the shim opens the same files anew, in append mode.
  const logs = [order.stdout, order.stderr].map((fd) => `/proc/${agentPid}/fd/${fd}`)
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  const strings = [
    ...[order.containerId, order.record, order.sandbox, order.bootId, ...user, ...logs, String(argv.length)],
    ...argv,
    ...variables,
  ]
  const text = Buffer.from(strings.map((each) => `${each}\0`).join(''))
  const size = Buffer.alloc(4)
  if (endianness() === 'LE') size.writeUInt32LE(text.length)
  else size.writeUInt32BE(text.length)
  return Buffer.concat([size, text])
}

/** One process `shim serve`. It ends when this agent does, by the end of its input. */
class Server {
  readonly #process: ChildProcess
  readonly #waiting = new Map<string, Waiting>()
  #text = ''
  #isGone = false

  constructor([program, ...args]: Command) {
    // Detached, so that a Ctrl-C in the agent's terminal does not reach it; with nothing of the agent's environment.
    this.#process = spawn(program, args, {
      cwd: '/',
      env: {},
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    const { stdin, stdout } = this.#process
    // Nobody waits for a server that has nothing to do.
    for (const part of [this.#process, stdin, stdout]) (part as unknown as { unref(): void }).unref()
    stdin?.on('error', (error) => this.#end(error.message))
    stdout?.setEncoding('utf8').on('data', (text: string) => this.#hear(text))
    this.#process.on('error', (error) => this.#end(error.message))
    this.#process.on('close', () => this.#end('the server of shims has ended'))
    this.#process.on('exit', () => {
      this.#isGone = true
    })
  }

  isGone(): boolean {
    return this.#isGone
  }

  /** Rejects with a sentence. */
  start(order: ShimOrder): Promise<Identity> {
    return new Promise((resolve, reject) => {
      const id = order.containerId
      const cancel = systemClock.after(START_TIMEOUT_MS, () => {
        this.#settle(id)?.reject(new Error(`not started within ${START_TIMEOUT_MS / 1000} s`))
      })
      this.#waiting.set(id, {
        resolve: (main) => {
          cancel()
          resolve(main)
        },
        reject: (error) => {
          cancel()
          reject(error)
        },
      })
      this.#process.stdin?.write(encodeOrder(order))
    })
  }

  #hear(text: string): void {
    const lines = (this.#text + text).split('\n')
    this.#text = lines.pop() ?? ''
    for (const line of lines) {
      const blank = line.indexOf(' ')
      const waiting = this.#settle(line.slice(0, blank))
      const said = line.slice(blank + 1)
      const main = parseIdentity(said)
      if (main !== undefined) waiting?.resolve(main)
      else waiting?.reject(new Error(said.replace(/^!/, '')))
    }
  }

  #end(why: string): void {
    this.#isGone = true
    for (const id of [...this.#waiting.keys()]) this.#settle(id)?.reject(new Error(why))
  }

  #settle(id: string): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    return waiting
  }
}
