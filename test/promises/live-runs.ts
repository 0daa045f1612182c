// Runs the live scenarios that stand in live.ts, each as a command of its own, and says which held.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../vitest.ts'
import { LIVE } from './live.ts'
import type { LiveOutcomes } from './proofs.ts'

const CHAOS = 'chaos'

/** The command of a scenario, below the root of the project. */
export function commandOf(scenario: string): readonly string[] {
  return scenario === CHAOS
    ? ['test/chaos/run.ts', '--minutes', '2', '--seed', '1']
    : ['test/live/run.ts', scenario]
}

/** Runs them one after the other: each starts a whole cluster of processes. */
export async function runLive(): Promise<LiveOutcomes> {
  const outcomes: Record<string, boolean> = {}
  for (const scenario of new Set(Object.values(LIVE).flat())) {
    const [file = '', ...args] = commandOf(scenario)
    if (!existsSync(join(ROOT, file))) continue
    const child = spawn(process.execPath, [join(ROOT, 'bin', 'run.js'), file, ...args], {
      cwd: ROOT,
      stdio: 'inherit',
    })
    outcomes[scenario] = await new Promise((resolve) => child.on('exit', (status) => resolve(status === 0)))
  }
  return outcomes
}
