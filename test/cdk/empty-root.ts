// A machine that is a folder: user data and install script run into it, and its units by a small stand-in for systemd.
//
// What is real: the scripts, the unit files' own command lines, the agent's bundle, its processes. What stands in:
// `systemctl` (restart means what KillMode=process makes of it), `aws`, instance metadata, the control plane.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { killMachine } from '../../local/machine.ts'

export interface RootOptions {
  /** Variables that a machine's own units would not have: addresses of what stands in. */
  readonly environment: Readonly<Record<string, string>>
  /** Gives the file of an S3 object by its key. */
  readonly objectOf?: ((key: string) => string) | undefined
}

export interface Ran {
  readonly status: number | null
  readonly output: string
}

export class EmptyRoot {
  readonly path: string
  /** What `aws ssm get-parameter` answers. */
  wanted = ''
  readonly #options: RootOptions
  readonly #tools: string
  readonly #journal: string
  #server: Server | undefined
  #agent: ChildProcess | undefined

  constructor(options: RootOptions) {
    this.#options = options
    this.path = mkdtempSync(join(tmpdir(), 'meseta-root-'))
    this.#tools = mkdtempSync(join(tmpdir(), 'meseta-tools-'))
    this.#journal = join(this.#tools, 'journal')
    writeFileSync(this.#journal, '')
    mkdirSync(this.tasksCgroup, { recursive: true })
    // Made by the kernel in a real one.
    mkdirSync(join(this.tasksCgroup, 'shims'))
    writeFileSync(join(this.tasksCgroup, 'shims', 'cgroup.procs'), '')
  }

  get tasksCgroup(): string {
    return join(this.path, 'sys/fs/cgroup/meseta.slice/meseta-tasks.service')
  }

  /** What the unit's processes have said. */
  get journal(): string {
    return readFileSync(this.#journal, 'utf8')
  }

  get ready(): { readonly agentId: string; readonly pid: number } | undefined {
    const file = this.at('run/meseta/ready.json')
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
  }

  get release(): string {
    return readlinkSync(this.at('opt/meseta/current'))
  }

  at(path: string): string {
    return join(this.path, path)
  }

  /** Begins to answer `systemctl` and `aws`. */
  async open(): Promise<void> {
    const socket = join(this.#tools, 'socket')
    this.#server = createServer((request, response) => {
      let text = ''
      request.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
      request.on('end', () => {
        void this.#do(JSON.parse(text) as string[]).then(
          (said) => response.end(said),
          (error: Error) => response.writeHead(500).end(`${error.message}\n`),
        )
      })
    })
    await new Promise<void>((resolve) => this.#server?.listen(socket, resolve))
    for (const tool of ['systemctl', 'aws']) {
      const file = join(this.#tools, tool)
      writeFileSync(file, `#!${process.execPath}\n${toolScript(tool, socket)}`, { mode: 0o755 })
    }
  }

  /** Runs a script of the machine as root would on it. */
  run(script: string, args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Ran> {
    const child = spawn('bash', [script, ...args], {
      env: {
        PATH: `${this.#tools}:${process.env.PATH}`,
        DESTDIR: this.path,
        MESETA_UPDATE_WAIT: '15',
        MESETA_UPDATE_SETTLE: '0.5',
        ...more,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    }
    return new Promise((resolve) => child.on('close', (status) => resolve({ status, output })))
  }

  update(...args: string[]): Promise<Ran> {
    return this.run(this.at('opt/meseta/current/scripts/update.sh'), args)
  }

  /** As the timer's unit does it. */
  async updateToWanted(): Promise<Ran> {
    const unit = this.#unit('meseta-agent-update.service')
    const [script = '', ...args] = unit.command
    return await this.run(script, args, unit.environment)
  }

  /** Starts the agent by the command line of its unit, with the environment that the unit names. */
  async startAgent(): Promise<void> {
    const { command, environment } = this.#unit('meseta-agent.service')
    const runtime = this.at('run/meseta')
    rmSync(runtime, { recursive: true, force: true })
    mkdirSync(runtime, { recursive: true })
    const [program = '', ...args] = command
    const log = openSync(this.#journal, 'a')
    this.#agent = spawn(program, args, {
      env: {
        PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin',
        ...environment,
        RUNTIME_DIRECTORY: runtime,
        MESETA_WORK_DIR: this.at('var/lib/meseta'),
        MESETA_TASKS_CGROUP: this.tasksCgroup,
        ...this.#options.environment,
      },
      stdio: ['ignore', log, log],
      detached: true,
    })
    closeSync(log)
    this.#agent.on('error', () => {})
  }

  /** KillMode=process: a signal to the main process alone, and SIGKILL when it takes too long. */
  async stopAgent(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#agent
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill(signal)
    const late = setTimeout(() => child.kill('SIGKILL'), 20_000)
    await gone
    clearTimeout(late)
    rmSync(this.at('run/meseta'), { recursive: true, force: true })
  }

  async close(): Promise<void> {
    await this.stopAgent('SIGKILL')
    killMachine(this.at('var/lib/meseta'))
    this.#server?.close()
    for (const folder of [this.path, this.#tools])
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }

  async #do([tool, ...args]: readonly string[]): Promise<string> {
    const asked = [tool, ...args].join(' ')
    if (asked === 'systemctl restart meseta-agent.service') {
      await this.stopAgent()
      await this.startAgent()
      return ''
    }
    if (tool === 'systemctl') return ''
    if (asked.startsWith('aws ssm get-parameter ')) return `${this.wanted}\n`
    if (tool === 'aws' && args[0] === 's3' && args[1] === 'cp') {
      const [from = '', to = ''] = args.slice(2).filter((arg) => !arg.startsWith('--'))
      const key = from.split('/').slice(3).join('/')
      const file = this.#options.objectOf?.(key)
      if (file === undefined) throw new Error(`there is no ${from}`)
      execFileSync('cp', [file, to.replaceAll("'", '')])
      return ''
    }
    throw new Error(`nothing stands in for: ${asked}`)
  }

  /** Command line and environment of a unit, out of its file, in this root. */
  #unit(name: string): { command: readonly string[]; environment: Record<string, string> } {
    const unit = readFileSync(this.at(`etc/systemd/system/${name}`), 'utf8')
    const setting = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(unit)?.[1]
    const file = setting('EnvironmentFile')
    const settings = file === undefined ? '' : readFileSync(this.at(file), 'utf8')
    const lines = settings.split('\n').filter((line) => line.includes('='))
    const environment = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    )
    const [program = '', ...args] = (setting('ExecStart') ?? '').split(' ')
    return { command: [this.at(program), ...args], environment }
  }
}

/** Hands its command line to the test, and ends as the test says. */
function toolScript(tool: string, socketPath: string): string {
  return `
const { request } = require('node:http')
const asked = request({ socketPath: ${JSON.stringify(socketPath)}, method: 'POST' }, (answer) => {
  const failed = answer.statusCode !== 200
  answer.pipe(failed ? process.stderr : process.stdout)
  answer.on('end', () => { process.exitCode = failed ? 1 : 0 })
})
asked.end(JSON.stringify([${JSON.stringify(tool)}, ...process.argv.slice(2)]))
`
}
