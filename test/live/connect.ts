// The connector as a process of its own: a client written for Mesos runs behind it and does not know; then things die.
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { freePort } from '../../local/free-port.ts'
import { commandTask, TestFramework } from '../framework.ts'
import { ROOT } from '../vitest.ts'
import { startLiveCluster } from './cluster.ts'
import { runForeignScheduler } from './mesos-framework.ts'
import type { Check } from './run.ts'

/** A command of the project as a process; resolves when it prints `ready`. */
interface Connector {
  readonly url: string
  readonly lines: readonly string[]
  kill(signal: NodeJS.Signals): Promise<number | null>
}

export async function connect(check: Check): Promise<void> {
  const cluster = await startLiveCluster()
  const port = await freePort()
  let connector: Connector | undefined
  try {
    connector = await startConnector(cluster.url, port)
    await runForeignScheduler(connector.url, check)

    const info = { checkpoint: true, failover_timeout: 600 }
    const first = await TestFramework.subscribe(connector.url, { info })
    await launch(first, 'stays', 'sleep 1000')
    await first.update('stays', 'TASK_RUNNING', 60_000)
    await cluster.killControlPlane()
    await cluster.startAgain()
    await launch(first, 'after', 'true')
    await first.update('after', 'TASK_FINISHED', 60_000)
    check(!first.ended, 'the control plane was killed and came back behind one stream')

    await connector.kill('SIGKILL')
    await first.untilEnd()
    connector = await startConnector(cluster.url, port)
    const again = await TestFramework.subscribe(connector.url, { info: { ...info, id: { value: first.id } } })
    await again.call({ type: 'RECONCILE', reconcile: { tasks: [{ task_id: { value: 'stays' } }] } })
    await again.update('stays', 'TASK_RUNNING', 60_000)
    await launch(again, 'later', 'true')
    await again.update('later', 'TASK_FINISHED', 60_000)
    check(true, 'the connector was killed: its framework came back to its task')

    const code = await connector.kill('SIGTERM')
    connector = undefined
    await again.untilEnd()
    check(code === 0, 'the connector ends with 0 when it is asked to')
  } finally {
    await connector?.kill('SIGKILL')
    await cluster.stop()
  }
}

async function launch(framework: TestFramework, id: string, command: string): Promise<void> {
  const offer = await framework.offerOf(0.1, 32, 60_000)
  await framework.launch([offer], [commandTask(offer, id, command)], 0)
}

async function startConnector(url: string, port: number): Promise<Connector> {
  const args = ['connect/main.ts', '--url', url, '--listen', `127.0.0.1:${port}`]
  const child: ChildProcess = spawn(process.execPath, [join(ROOT, 'bin', 'run.js'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  const lines: string[] = []
  await new Promise<void>((resolve, reject) => {
    const take = (chunk: Buffer) => {
      lines.push(...String(chunk).trimEnd().split('\n'))
      if (lines.some((line) => / ready: /.test(line))) resolve()
    }
    child.stdout?.on('data', take)
    child.stderr?.on('data', take)
    child.once('exit', () => reject(new Error(`the connector ended:\n${lines.join('\n')}`)))
  })
  return {
    url: `http://127.0.0.1:${port}`,
    lines,
    async kill(signal) {
      child.kill(signal)
      return await ended
    },
  }
}
