// The agent's flags, named as Mesos names them where it has them.
import { Command, InvalidArgumentError, Option } from 'commander'
import { parseAttributes } from '../protocol/attributes.ts'
import { parseDurationMs } from '../protocol/durations.ts'
import type { Attribute, DomainInfo, Resource } from '../protocol/messages.ts'
import { parseResources } from '../protocol/resource-parsing.ts'
import type { Reconfiguration } from './identity.ts'
import type { InstanceLook } from './instance.ts'

export interface Flags {
  readonly master: string
  readonly workDir: string
  readonly port: number
  /** Absent unless given, as the host's name is: the machine is asked then, see whereabouts.ts. */
  readonly ip: string | undefined
  readonly hostname: string | undefined
  readonly resources: readonly Resource[]
  readonly attributes: readonly Attribute[]
  readonly domain: DomainInfo | undefined
  readonly executorEnvironment: Readonly<Record<string, string>>
  readonly gcDelayMs: number
  readonly switchUser: boolean
  readonly strict: boolean
  readonly recover: 'reconnect' | 'cleanup'
  readonly reconfiguration: Reconfiguration
  readonly instanceId: string | undefined
  readonly instanceMetadata: InstanceLook
  readonly tasksCgroup: string | undefined
  readonly readyFile: string | undefined
  readonly stopTasksOnExit: boolean
  readonly parentPid: number | undefined
  readonly partitionFile: string | undefined
  /** Every flag with its value as text, for those who ask the agent. */
  readonly shown: Readonly<Record<string, string>>
}

/** Reads the command line; a mistake ends the process with a sentence, as does `--help`. */
export function readFlags(argv: readonly string[]): Flags {
  const command = new Command()
    .name('meseta agent start')
    .description('A Meseta agent: runs the tasks of a cluster on this machine.')
    .requiredOption('--master <url>', 'control plane, such as http://127.0.0.1:5050')
    .requiredOption('--work-dir <dir>', 'sandboxes and what the agent must not forget')
    .option('--port <port>', 'of the agent’s HTTP API; 0 for the last one or any free one', port, 5051)
    .option('--ip <address>', 'to listen on; 127.0.0.1, or the instance’s own with --instance-metadata')
    .option('--hostname <name>', 'under which others reach this machine; found out unless given')
    .option(
      '--resources <text>',
      'such as "cpus:4;mem:4096;ports:[31000-32000]"; the rest is detected',
      resources,
      [],
    )
    .option('--attributes <text>', 'such as "rack:a;ssd:true"', attributes, [])
    .option(
      '--domain <json>',
      'region and zone, {"fault_domain":{"region":{"name":"r"},"zone":{"name":"z"}}}',
      domain,
    )
    .option(
      '--executor-environment <json>',
      'variables of every executor and task, {"NAME":"value"}',
      environment,
      {},
    )
    .option(
      '--gc-delay <duration>',
      'sandboxes are kept at most this long, such as 1weeks',
      duration,
      7 * 24 * 3_600_000,
    )
    .option('--no-switch-user', 'run everything as the user of the agent')
    .option('--no-strict', 'skip broken checkpoints instead of refusing to start')
    .addOption(
      new Option('--recover <how>', 'what to do with what still runs')
        .choices(['reconnect', 'cleanup'])
        .default('reconnect'),
    )
    .addOption(
      new Option('--reconfiguration-policy <policy>', 'how much may have changed since the last start')
        .choices(['equal', 'additive'])
        .default('equal'),
    )
    .option('--instance-id <id>', 'of the EC2 instance this is')
    .addOption(
      new Option(
        '--instance-metadata <how>',
        'ask EC2 where this is, and watch for the machine’s end; auto: if it answers within a second',
      )
        .choices(['off', 'auto', 'require'])
        .default('off'),
    )
    .option('--tasks-cgroup <dir>', 'control group that tasks are started in, so that they outlive a unit')
    .option('--ready-file <path>', 'written when the agent is registered: its id and process, as JSON')
    .option('--stop-tasks-on-exit', 'end all tasks on SIGTERM and SIGINT; without it they go on', false)
    .option('--parent-pid <pid>', 'end everything when this process is gone', whole)
    .option('--partition-file <path>', 'for development: cut off while the time in this file is to come')
  command.parse(argv, { from: 'user' })
  const given = command.opts()
  const canSwitch = process.getuid?.() === 0
  return {
    master: given.master as string,
    workDir: given.workDir as string,
    port: given.port as number,
    ip: given.ip as string | undefined,
    hostname: given.hostname as string | undefined,
    resources: given.resources as Resource[],
    attributes: given.attributes as Attribute[],
    domain: given.domain as DomainInfo | undefined,
    executorEnvironment: given.executorEnvironment as Record<string, string>,
    gcDelayMs: given.gcDelay as number,
    switchUser: given.switchUser === true && canSwitch,
    strict: given.strict as boolean,
    recover: given.recover as 'reconnect' | 'cleanup',
    reconfiguration: given.reconfigurationPolicy as Reconfiguration,
    instanceId: given.instanceId as string | undefined,
    instanceMetadata: given.instanceMetadata as InstanceLook,
    tasksCgroup: given.tasksCgroup as string | undefined,
    readyFile: given.readyFile as string | undefined,
    stopTasksOnExit: given.stopTasksOnExit as boolean,
    parentPid: given.parentPid as number | undefined,
    partitionFile: given.partitionFile as string | undefined,
    shown: Object.fromEntries(
      Object.entries(given).map(([name, value]) => [
        name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
        typeof value === 'string' ? value : JSON.stringify(value),
      ]),
    ),
  }
}

function whole(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('a whole number is expected')
  return value
}

function port(text: string): number {
  const value = whole(text)
  if (value > 65_535) throw new InvalidArgumentError('a port is at most 65535')
  return value
}

function resources(text: string): readonly Resource[] {
  const parsed = parseResources(text)
  if (!parsed.ok) throw new InvalidArgumentError(parsed.error)
  return parsed.resources
}

function attributes(text: string): readonly Attribute[] {
  const parsed = parseAttributes(text)
  if (!parsed.ok) throw new InvalidArgumentError(parsed.error)
  return parsed.attributes
}

function domain(text: string): DomainInfo {
  return refusing(() => {
    const { fault_domain: fault } = JSON.parse(text) as DomainInfo
    const names = [fault?.region?.name, fault?.zone?.name]
    if (!names.every((name) => typeof name === 'string' && name !== '')) {
      throw new Error('region and zone of a fault_domain are expected, each with a name')
    }
    return { fault_domain: fault }
  })
}

function duration(text: string): number {
  const ms = parseDurationMs(text)
  if (ms === undefined || ms < 0)
    throw new InvalidArgumentError('a duration such as 30mins or 1weeks is expected')
  return ms
}

function environment(text: string): Record<string, string> {
  return refusing(() => {
    const variables: unknown = JSON.parse(text)
    if (typeof variables !== 'object' || variables === null || Array.isArray(variables)) {
      throw new Error('a JSON object of names and values is expected')
    }
    for (const [name, value] of Object.entries(variables)) {
      if (typeof value !== 'string') throw new Error(`the value of ${name} is not a text`)
    }
    return variables as Record<string, string>
  })
}

function refusing<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
  }
}
