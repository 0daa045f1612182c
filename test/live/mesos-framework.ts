// An unmodified scheduler from npm, written for Mesos 0.28: it runs tasks to their end, kills one, reconciles, ends.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ROOT } from '../vitest.ts'
import { startLiveCluster } from './cluster.ts'
import type { Check } from './run.ts'

export async function mesosFramework(check: Check): Promise<void> {
  const cluster = await startLiveCluster()
  try {
    await runForeignScheduler(cluster.url, check)
  } finally {
    await cluster.stop()
  }
}

/** Runs it to its teardown against whatever is a master at the address, in a process that ends with it. */
export async function runForeignScheduler(master: string, check: Check): Promise<void> {
  const args = [join(ROOT, 'bin', 'run.js'), 'test/live/foreign.ts', master]
  // Its status is in its lines.
  const said = await promisify(execFile)(process.execPath, args, { cwd: ROOT }).catch(
    (error: { readonly stdout: string }) => error,
  )
  const lines = said.stdout.split('\n').filter((line) => /^(ok|FAILED) /.test(line))
  for (const line of lines) check(line.startsWith('ok '), line.replace(/^\w+ /, ''))
  if (lines.length < 5) check(false, 'the scheduler lived from its subscription to its teardown')
}
