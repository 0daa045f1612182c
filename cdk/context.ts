// What can be said on the command line as context, as props.
import { RemovalPolicy, type StackProps } from 'aws-cdk-lib'
import type { AgentGroupProps, EmulatorGaps, MesetaProps } from './props.ts'

export type Read = (name: string) => unknown

/** What MiniStack and its like lack; tried, see docs/deploying.md. */
const EMULATOR: EmulatorGaps = {
  noRollout: true,
  noAccessLog: true,
  noMetricMath: true,
  noWaf: true,
  noSignatures: true,
}

/** Throws a sentence that names the context value. */
export function propsOf(read: Read): MesetaProps & StackProps {
  const endpoint = text(read, 'emulator')
  const keeps = text(read, 'keep') !== 'false'
  return {
    description: 'Meseta: a cluster manager that speaks Mesos',
    prefix: text(read, 'prefix'),
    settings: {
      profile: text(read, 'profile') ?? 'default',
      // Whoever tries a webhook there has it on the same machine.
      ...(endpoint === undefined ? {} : { deliverToLoopback: true }),
      ...settingsOf(read),
    },
    forAgents: numberOf(read, 'forAgents'),
    table: text(read, 'table'),
    bundlesDir: text(read, 'bundlesDir'),
    schedulerResponses: choice(read, 'responses', ['stream', 'buffered']),
    rollout: choice(read, 'rollout', ['canary', 'allAtOnce']),
    agents: agentsOf(read),
    ...(keeps ? {} : { removalPolicy: RemovalPolicy.DESTROY }),
    ...(keeps && endpoint === undefined ? { terminationProtection: true } : {}),
    ...(endpoint === undefined
      ? {}
      : { emulator: { ...EMULATOR, endpoint, noAuthorizer: text(read, 'authorizer') === 'false' } }),
  }
}

/** `-c settings={"offerTimeoutMs":60000}`; the functions check what it says. */
function settingsOf(read: Read): Readonly<Record<string, unknown>> {
  const given = read('settings') ?? {}
  try {
    const value: unknown = typeof given === 'string' ? JSON.parse(given) : given
    // An object of any keys.
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>
  } catch {
    // Said below.
  }
  throw new Error('the context value settings is a JSON object, such as {"offerTimeoutMs":60000}')
}

/** `-c agents=3` is one group of three machines. */
function agentsOf(read: Read): readonly AgentGroupProps[] {
  const count = Number(text(read, 'agents') ?? 0)
  if (!Number.isInteger(count) || count < 0)
    throw new Error('the context value agents is the number of machines to begin with')
  if (count === 0) return []
  const group: AgentGroupProps = {
    name: 'agents',
    architecture: choice(read, 'architecture', ['arm64', 'x64']),
    minCapacity: count,
    maxCapacity: Math.max(count, Number(text(read, 'maxAgents') ?? 2 * count)),
    spotPercent: Number(text(read, 'spotPercent') ?? 0),
  }
  return [group]
}

function text(read: Read, name: string): string | undefined {
  const value = read(name)
  return value === undefined || value === null ? undefined : String(value)
}

function numberOf(read: Read, name: string): number | undefined {
  const given = text(read, name)
  return given === undefined ? undefined : Number(given)
}

function choice<T extends string>(read: Read, name: string, values: readonly T[]): T | undefined {
  const given = text(read, name)
  const found = values.find((value) => value === given)
  if (given !== undefined && found === undefined)
    throw new Error(`the context value ${name} is one of ${values.join(', ')}, not ${given}`)
  return found
}
