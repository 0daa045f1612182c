// Runs programs of this project from its commands: the CDK's own command, and entries in TypeScript.
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

export type Variables = Readonly<Record<string, string | undefined>>

/** What ends a command: a sentence for whoever started it, without a stack. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
}

/** Runs it with this terminal; throws when it does not end with 0. */
export async function run(program: string, args: readonly string[], env: Variables): Promise<void> {
  const code = await statusOf(program, args, env)
  if (code !== 0)
    throw new CommandFailed(`${[program.split('/').at(-1), ...args].join(' ')} ended with ${code}`)
}

/** The CDK's command of this project's own version, on its own Node. */
export function cdk(args: readonly string[], env: Variables): Promise<void> {
  return run(join(ROOT, 'node_modules', '.bin', 'cdk'), args, env)
}

/** Makes what the stack takes from dist/. */
export function bundle(env: Variables): Promise<void> {
  return run(process.execPath, [join(ROOT, 'bin', 'run.js'), 'functions/lambda/bundle.ts'], env)
}

function statusOf(program: string, args: readonly string[], env: Variables): Promise<number> {
  return new Promise((resolve, reject) => {
    const path = `${dirname(process.execPath)}:${env.PATH ?? process.env.PATH ?? ''}`
    const child = spawn(program, args, { cwd: ROOT, stdio: 'inherit', env: { ...env, PATH: path } })
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

/** Runs a command's main: an error is a line, not a stack. */
export async function main(command: () => Promise<void>): Promise<void> {
  try {
    await command()
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    process.exitCode = 1
  }
}
