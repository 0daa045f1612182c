// MiniStack for tests: the one of `npm run deploy:local`, on a free port, in memory, ended with the test that started it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startMiniStack as start, stopMiniStack } from '../cdk/commands/ministack.ts'
import { CommandFailed } from '../cdk/commands/run.ts'
import { freePort } from '../local/free-port.ts'

export interface MiniStack {
  readonly endpoint: string
  stop(): Promise<void>
}

/** Whoever cannot have it is told why: no python3, no pip, no network. */
export interface Skipped {
  readonly skipped: string
}

/** Installs it once, at a pinned version, and starts it. */
export async function startMiniStack(): Promise<MiniStack | Skipped> {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'meseta-ministack-'))
  const forget = () => rmSync(folder, { recursive: true, force: true })
  try {
    const pid = await start({ port, logFile: join(folder, 'log') })
    // A test run that is killed leaves nobody behind.
    const end = () => {
      kill(pid)
      forget()
    }
    process.once('exit', end)
    return {
      endpoint: `http://127.0.0.1:${port}`,
      async stop() {
        process.off('exit', end)
        await stopMiniStack(pid)
        forget()
      },
    }
  } catch (error) {
    forget()
    if (error instanceof CommandFailed) return { skipped: error.message }
    throw error
  }
}

/** With its workers, which are of its group. */
function kill(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}
