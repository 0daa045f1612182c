// Checks and health checks of tasks under the built-in executors, by the numbers of Mesos (F87).
//
// delay after the start, then interval from the end of one attempt to the start of the next; failures are ignored
// while the grace lasts and nothing has succeeded yet; so many in a row and the task is killed.
import type { CheckInfo, CheckStatusInfo, HealthCheck } from '../../protocol/messages.ts'
import type { HealthRecord, TaskRecord } from '../state.ts'
import type { CheckResult, Turn } from '../turn.ts'
import { stopTask } from './stopping.ts'
import { makeUpdate } from './updates.ts'

export function startChecks(turn: Turn, task: TaskRecord): void {
  const { health_check: health, check } = task.info
  if (health !== undefined) wait(turn, task, 'health', delayOf(health))
  if (check !== undefined) wait(turn, task, 'check', delayOf(check))
}

export function onCheckDue(turn: Turn, probe: 'health' | 'check', key: string): void {
  const task = turn.state.tasks.get(key)
  if (isChecked(task)) turn.act({ action: 'probe', task: key, probe })
}

export function onCheckResult(turn: Turn, key: string, result: CheckResult): void {
  const task = turn.state.tasks.get(key)
  if (!isChecked(task)) return
  const info = result.probe === 'health' ? task.info.health_check : task.info.check
  if (info === undefined) return
  wait(turn, task, result.probe, (info.interval_seconds ?? 10) * 1000)
  task.health ??= { failures: 0 }
  const record = task.health
  if (result.probe === 'check') {
    checked(turn, task, record, result.status)
    return
  }
  if (result.passed) {
    passed(turn, task, record)
    return
  }
  failed(turn, task, record)
}

/** Paused while the task is being killed. */
function isChecked(task: TaskRecord | undefined): task is TaskRecord {
  return task !== undefined && task.stage === 'launched' && task.stop === undefined
}

function checked(turn: Turn, task: TaskRecord, record: HealthRecord, status: CheckStatusInfo): void {
  if (JSON.stringify(record.checkStatus) === JSON.stringify(status)) return
  record.checkStatus = status
  makeUpdate(turn, task, { ...running(record), reason: 'REASON_TASK_CHECK_STATUS_UPDATED' })
}

/** Told: the first success, and the first one after failures. */
function passed(turn: Turn, task: TaskRecord, record: HealthRecord): void {
  const told = record.healthy === true
  record.failures = 0
  record.healthy = true
  if (!told) makeUpdate(turn, task, { ...running(record), reason: 'REASON_TASK_HEALTH_CHECK_STATUS_UPDATED' })
}

function failed(turn: Turn, task: TaskRecord, record: HealthRecord): void {
  const { grace_period_seconds: grace = 10, consecutive_failures: limit = 3 } = task.info.health_check ?? {}
  const sinceStart = turn.now - (task.runningSince ?? turn.now)
  if (record.healthy === undefined && sinceStart < grace * 1000) return
  record.failures += 1
  record.healthy = false
  makeUpdate(turn, task, { ...running(record), reason: 'REASON_TASK_HEALTH_CHECK_STATUS_UPDATED' })
  if (record.failures >= limit) stopTask(turn, task, { why: 'health', kills: 0 })
}

function running(record: HealthRecord): Parameters<typeof makeUpdate>[2] {
  return {
    state: 'TASK_RUNNING',
    source: 'SOURCE_EXECUTOR',
    ...(record.healthy === undefined ? {} : { healthy: record.healthy }),
    ...(record.checkStatus === undefined ? {} : { check_status: record.checkStatus }),
  }
}

function wait(turn: Turn, task: TaskRecord, probe: 'health' | 'check', ms: number): void {
  turn.act({ action: 'timer', timer: `${probe}/${task.key}`, ms: Math.max(0, ms) })
}

function delayOf(check: HealthCheck | CheckInfo): number {
  return (check.delay_seconds ?? 15) * 1000
}
