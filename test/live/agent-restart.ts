// kill -9 of an agent with ten tasks, then the same agent again: same processes, no terminal update between (F27).

import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { commandTask, TestFramework } from '../framework.ts'
import { ROOT } from '../vitest.ts'
import { startLiveCluster } from './cluster.ts'
import type { Check } from './run.ts'
import { until } from './until.ts'

const TASKS = 10

export async function agentRestart(check: Check): Promise<void> {
  const cluster = await startLiveCluster({ agents: 1 })
  const workDir = join(cluster.dataDir, 'agents', '0')
  const pids = join(cluster.dataDir, 'pids')
  let again: ReturnType<typeof spawn> | undefined
  try {
    const framework = await TestFramework.subscribe(cluster.url, {
      info: { checkpoint: true, failover_timeout: 60 },
      capabilities: ['PARTITION_AWARE'],
    })
    const offer = await framework.offerOf(1, 320)
    const ids = Array.from({ length: TASKS }, (_, index) => `sleeper-${index}`)
    await framework.launch(
      [offer],
      ids.map((id) => commandTask(offer, id, `echo $$ > ${pids}.${id}; exec sleep 30`)),
    )
    await Promise.all(ids.map((id) => framework.update(id, 'TASK_RUNNING', 30_000)))
    await until('the pid files', () => ids.every((id) => existsSync(`${pids}.${id}`)))
    const before = ids.map((id) => identity(`${pids}.${id}`))

    const agentPid = JSON.parse(readFileSync(join(workDir, 'meta', 'lock'), 'utf8')).pid as number
    process.kill(agentPid, 'SIGKILL')
    await until('the line that starts the agent again', () =>
      cluster.lines.some((line) => line.startsWith('start it again with: ')),
    )
    const line = cluster.lines.find((text) => text.startsWith('start it again with: ')) ?? ''
    const command = line.slice('start it again with: npx meseta '.length)
    again = spawn(
      '/bin/sh',
      ['-c', `exec ${process.execPath} ${join(ROOT, 'bin', 'meseta.js')} ${command}`],
      { stdio: 'ignore', detached: true },
    )

    await until('the agent is registered again', async () => {
      const answer = await fetch(`${new URL(cluster.url).origin}/slaves`)
      const { slaves } = (await answer.json()) as {
        slaves: readonly { active: boolean; reregistered_time?: number }[]
      }
      return slaves.some((slave) => slave.active && slave.reregistered_time !== undefined)
    })
    check(
      ids.every((id, index) => identity(`${pids}.${id}`) === before[index]),
      'the ten tasks have the pids and start times they had',
    )
    const early = framework.events.filter(
      ({ update }) => update !== undefined && isTerminal(update.status.state),
    )
    check(early.length === 0, 'no terminal update came in between')
    await Promise.all(ids.map((id) => framework.update(id, 'TASK_FINISHED', 60_000)))
    check(true, 'all ten finish')
    const uuids = framework.events.flatMap(({ update }) => update?.status.uuid ?? [])
    check(new Set(uuids).size === uuids.length, 'no update came twice')
    await framework.call({ type: 'TEARDOWN' })
  } finally {
    if (again?.pid !== undefined) process.kill(-again.pid, 'SIGTERM')
    await cluster.stop()
  }
}

/** Pid and start time of the process a task wrote down; the start time shows that it is the same one. */
function identity(file: string): string {
  const pid = readFileSync(file, 'utf8').trim()
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`
  } catch {
    return `${pid} is gone`
  }
}

function isTerminal(state: string): boolean {
  return /^TASK_(FINISHED|FAILED|KILLED|ERROR|LOST|DROPPED|GONE)/.test(state)
}
