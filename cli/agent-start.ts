// `meseta agent start` and `meseta connect`: run a main of the project as this command's child and pass signals on.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The package has its code one folder deeper than the repository. */
const RUN = ['../bin/run.js', '../../bin/run.js']
  .map((path) => fileURLToPath(new URL(path, import.meta.url)))
  .find(existsSync)

/** Runs until the agent ends; gives its exit code. */
export function startAgent(args: readonly string[]): Promise<number> {
  // An agent says in another way who it is, and its tasks are other people's.
  const { MESETA_PRINCIPAL: _, MESETA_SECRET: __, ...environment } = process.env
  return runMain('agent/main.ts', args, environment)
}

/** Runs until the connector ends; gives its exit code. */
export function startConnector(args: readonly string[]): Promise<number> {
  return runMain('connect/main.ts', args, process.env)
}

function runMain(entry: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  if (RUN === undefined) throw new Error('bin/run.js is missing; install meseta again')
  const child = spawn(process.execPath, [RUN, entry, ...args], { stdio: 'inherit', env })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGUSR1'] as const) process.on(signal, () => child.kill(signal))
  return new Promise((resolve) =>
    child.on('exit', (code, signal) => resolve(signal === null ? (code ?? 1) : 1)),
  )
}
