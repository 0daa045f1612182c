// One cluster for the tests of `meseta`, and the command as people type it.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { killMachine } from '../../local/machine.ts'
import { NODE, type Started, start, watched } from '../local/start.ts'
import { ROOT } from '../vitest.ts'

export interface CliCluster {
  readonly url: string
  readonly data: string
  readonly started: Started
  /** Starts the command and lets it run. */
  begin(args: readonly string[], env?: NodeJS.ProcessEnv): Started
  /** Runs the command to its end. */
  meseta(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Said>
  stop(): Promise<void>
}

export interface Said {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export async function startCliCluster(agents: number): Promise<CliCluster> {
  const data = mkdtempSync(join(tmpdir(), 'meseta-test-cli-'))
  const started = start(['--port', '0', '--agents', String(agents), '--data', data, '--profile', 'fast'])
  const url = await started.ready()
  const begin = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    beginMeseta(args, { MESETA_MASTER: url, MESETA_CONFIG: join(data, 'config.json'), ...env })
  return {
    url,
    data,
    started,
    begin,
    async meseta(args, env) {
      const one = begin(args, env)
      const { code } = await one.exited
      return { code, out: one.stdout(), err: one.stderr() }
    },
    async stop() {
      await started.stop()
      // Agents and their tasks outlive a control plane that a test has killed.
      killMachine(data)
      rmSync(data, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

export function beginMeseta(args: readonly string[], env: NodeJS.ProcessEnv = {}): Started {
  return watched(
    spawn(NODE, [join(ROOT, 'bin', 'meseta.js'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    }),
  )
}
