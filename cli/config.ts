// Where the control plane is: flag, then environment, then the config file with its named contexts (R23). A stack's name is looked up.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { CommandError, EXIT } from './exit-codes.ts'
import { find } from './finding.ts'

export interface Context {
  /** Base URL of the control plane, without a trailing slash. */
  readonly master: string
  /** The stack it was found by; never in the file. */
  readonly stack?: string | undefined
}

export interface ContextFlags {
  readonly master?: string | undefined
  readonly context?: string | undefined
  readonly stack?: string | undefined
  readonly region?: string | undefined
  readonly profile?: string | undefined
}

interface ConfigFile {
  readonly current?: string | undefined
  readonly contexts?: Readonly<Record<string, Context>> | undefined
}

const DEFAULT_MASTER = 'http://127.0.0.1:5050'

/** The config file's place: `MESETA_CONFIG`, or `meseta/config.json` in the user's config folder. */
export function configPath(environment: NodeJS.ProcessEnv = process.env): string {
  return (
    environment.MESETA_CONFIG ??
    join(environment.XDG_CONFIG_HOME ?? join(homedir(), '.config'), 'meseta', 'config.json')
  )
}

/** The context to talk to; throws a sentence when a named one does not exist. Flags count before the environment. */
export async function chooseContext(
  flags: ContextFlags,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Context> {
  const named = (['master', 'context', 'stack'] as const).filter((flag) => flags[flag] !== undefined)
  if (named.length > 1) {
    throw new CommandError(`--${named.join(' and --')} both say which cluster; give one`, EXIT.usage)
  }
  if (flags.master !== undefined) return { master: withoutSlash(flags.master) }
  const stack = flags.stack ?? (flags.context === undefined ? stackOf(environment) : undefined)
  if (stack !== undefined) return await find({ ...flags, stack }, environment)
  if (flags.region !== undefined || flags.profile !== undefined) {
    throw new CommandError('--region and --profile say where a stack is; give --stack NAME too', EXIT.usage)
  }
  if (flags.context === undefined && environment.MESETA_MASTER !== undefined) {
    return { master: withoutSlash(environment.MESETA_MASTER) }
  }
  return contextOf(flags.context, environment)
}

/** An address that is said counts before a name. */
function stackOf({ MESETA_MASTER, MESETA_STACK }: NodeJS.ProcessEnv): string | undefined {
  return MESETA_MASTER === undefined ? MESETA_STACK || undefined : undefined
}

function contextOf(asked: string | undefined, environment: NodeJS.ProcessEnv): Context {
  const config = readConfig(environment)
  const name = asked ?? environment.MESETA_CONTEXT ?? config.current
  if (name === undefined) return { master: DEFAULT_MASTER }
  const context = config.contexts?.[name]
  if (context === undefined) {
    const known = Object.keys(config.contexts ?? {}).join(', ') || 'none'
    throw new CommandError(
      `no context "${name}" in ${configPath(environment)} (known: ${known}); add it with \`meseta config set ${name} --url URL\``,
      EXIT.notFound,
    )
  }
  return { master: withoutSlash(context.master) }
}

export function readConfig(environment: NodeJS.ProcessEnv = process.env): ConfigFile {
  const path = configPath(environment)
  if (!existsSync(path)) return {}
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ConfigFile
  } catch (error) {
    throw new CommandError(`${path} is not JSON (${(error as Error).message}); mend or remove it`, EXIT.usage)
  }
}

/** Adds or replaces a context and makes it the current one. */
export function saveContext(
  name: string,
  context: Context,
  environment: NodeJS.ProcessEnv = process.env,
): void {
  const path = configPath(environment)
  const config = readConfig(environment)
  mkdirSync(dirname(path), { recursive: true })
  const next: ConfigFile = { current: name, contexts: { ...config.contexts, [name]: context } }
  writeFileSync(path, `${JSON.stringify(next, null, 2)}\n`, { mode: 0o600 })
}

/** Makes an existing context the current one. */
export function useContext(name: string, environment: NodeJS.ProcessEnv = process.env): void {
  const context = contextOf(name, environment)
  saveContext(name, context, environment)
}

function withoutSlash(url: string): string {
  const withScheme = /^https?:\/\//.test(url) ? url : `http://${url}`
  try {
    new URL(withScheme)
  } catch {
    throw new CommandError(`"${url}" is no URL; give one such as ${DEFAULT_MASTER}`, EXIT.usage)
  }
  return withScheme.replace(/\/+$/, '')
}
