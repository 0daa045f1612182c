// The command `meseta`: what people type. Speaks public HTTP APIs only.
import { constants } from 'node:os'
import { styleText } from 'node:util'
import { Command, InvalidArgumentError, Option } from 'commander'
import { MESETA_VERSION } from '../protocol/version.ts'
import { startAgent, startConnector } from './agent-start.ts'
import { completionScript } from './completion.ts'
import { type Context, chooseContext, readConfig, saveContext, useContext } from './config.ts'
import { identify } from './credentials.ts'
import { drainAgent } from './drain.ts'
import { CommandError, EXIT, EXIT_CODES_HELP } from './exit-codes.ts'
import { forgetStale } from './finding.ts'
import { inspectTask, listAgents, listFrameworks, listTasks } from './lists.ts'
import {
  changeAgent,
  events,
  fault,
  listDeadLetters,
  redriveDeadLetters,
  showDeadLetter,
  teardown,
} from './operator.ts'
import { harmlessLines } from './printing.ts'
import { run } from './run.ts'
import { killTask, taskLogs } from './tasks.ts'

interface GlobalOptions {
  readonly master?: string
  readonly stack?: string
  readonly region?: string
  readonly profile?: string
  readonly context?: string
  readonly principal?: string
  readonly secretFile?: string
}

const program = new Command('meseta')
  .description('Talks to a Meseta cluster: run tasks, look around, take agents out of service.')
  .version(MESETA_VERSION)
  .option(
    '--master <url>',
    'control plane (else MESETA_MASTER, MESETA_STACK, the current context, http://127.0.0.1:5050)',
  )
  .option('--stack <name>', 'control plane by the name of its CloudFormation stack')
  .option('--region <region>', 'where that stack is (else as AWS tools find it)')
  .option('--profile <name>', 'of the AWS configuration, to look that stack up with')
  .option('--context <name>', 'named context of the config file')
  .option('--principal <name>', 'who you are to a cluster that asks (else MESETA_PRINCIPAL)')
  .option('--secret-file <file>', 'its secret, in a file that only you can read (else MESETA_SECRET)')
  .addHelpText('after', EXIT_CODES_HELP)
  .exitOverride((error) => process.exit(error.exitCode === 0 ? EXIT.ok : EXIT.usage))
  .enablePositionalOptions()
  .showHelpAfterError('(`meseta --help` shows how)')

const json = () => new Option('--json', 'for programs').default(false)

program
  .command('run')
  .description('run a command somewhere, stream its output, end with its exit code')
  .argument('<command...>', 'one argument is a shell command, several are a program and its arguments')
  .option('--cpus <n>', 'cpus per instance', amount, 0.1)
  .option('--mem <mb>', 'memory per instance, MB', amount, 32)
  .option('--disk <mb>', 'disk per instance, MB', amount, 0)
  .option('--role <role>', 'role to ask offers for', '*')
  .option('--name <name>', 'name of the task and its framework', 'run')
  .option('--instances <n>', 'how many', positive, 1)
  .option('--env <key=value>', 'environment variable; may be repeated', variable, {})
  .option('--timeout <seconds>', 'kill it after this and end with 124', amount)
  .addOption(json())
  .passThroughOptions()
  .action(async (argv: string[], options) => {
    process.exitCode = await run(await master(), argv, { ...options, timeoutSeconds: options.timeout })
  })

program
  .command('agents')
  .description('list agents')
  .addOption(json())
  .action(async (options) => listAgents(await master(), options))
program
  .command('frameworks')
  .description('list frameworks')
  .option('-a, --all', 'completed ones too')
  .addOption(json())
  .action(async (options) => listFrameworks(await master(), options))
program
  .command('tasks')
  .description('list tasks')
  .option('-a, --all', 'finished ones too')
  .addOption(json())
  .action(async (options) => listTasks(await master(), options))

const task = program.command('task').description('look at one task, or end it')
task
  .command('inspect')
  .argument('<id>')
  .addOption(json())
  .action(async (id, options) => inspectTask(await master(), id, options))
task
  .command('logs')
  .argument('<id>')
  .option('-f, --follow', 'go on as it grows', false)
  .option('--stderr', 'stderr instead of stdout', false)
  .action(async (id, options) => taskLogs(await master(), id, options))
task
  .command('kill')
  .argument('<id>')
  .action(async (id) => killTask(await master(), id))

const framework = program.command('framework').description('act on one framework')
framework
  .command('teardown')
  .argument('<id>')
  .description('remove it and kill its tasks')
  .action(async (id) => teardown(await master(), id))

const agent = program.command('agent').description('start an agent, or change one')
agent
  .command('start')
  .description('run one agent process on this machine (see `agent start --help`)')
  .allowUnknownOption()
  .helpOption(false)
  .argument('[options...]')
  .passThroughOptions()
  .action(async (_, __, command: Command) => {
    const { master, stack } = program.opts<GlobalOptions>()
    const given = stack === undefined ? master : (await chosen()).master
    process.exitCode = await startAgent([
      ...(given === undefined ? [] : ['--master', given]),
      ...command.args,
    ])
  })
agent
  .command('drain')
  .argument('<id>')
  .description('end its tasks and offer it to nobody, until `agent reactivate`')
  .option('--grace <seconds>', 'no task has more than this to end', amount)
  .option('--mark-gone', 'drained, it is gone for good', false)
  .option('--wait', 'end when it is drained', false)
  .action(async (id, options) => drainAgent(await master(), id, { ...options, graceSeconds: options.grace }))
for (const action of ['deactivate', 'reactivate', 'gone'] as const) {
  agent
    .command(action)
    .argument('<id>')
    .action(async (id) => changeAgent(await master(), id, action))
}

program
  .command('events')
  .description('print what happens as it happens')
  .addOption(json())
  .action(async (options) => events(await master(), options.json))

program
  .command('connect')
  .description('be a plain Mesos master on this machine for a cluster far away (see `connect --help`)')
  .allowUnknownOption()
  .helpOption(false)
  .argument('[options...]')
  .passThroughOptions()
  .action(async (_, __, command: Command) => {
    const given = program.opts<GlobalOptions>()
    process.exitCode = await startConnector([
      ...(given.master === undefined ? [] : ['--url', given.master]),
      ...(given.stack === undefined ? [] : ['--stack', given.stack]),
      ...(given.region === undefined ? [] : ['--region', given.region]),
      ...(given.profile === undefined ? [] : ['--profile', given.profile]),
      ...(given.principal === undefined ? [] : ['--principal', given.principal]),
      ...(given.secretFile === undefined ? [] : ['--secret-file', given.secretFile]),
      ...command.args,
    ])
  })

const deadLetters = program
  .command('dead-letters')
  .description('messages that could not be handled and were parked')
deadLetters
  .command('list')
  .addOption(json())
  .action(async (options) => listDeadLetters(await master(), options.json))
deadLetters
  .command('show')
  .argument('<id>')
  .action(async (id) => showDeadLetter(await master(), id))
deadLetters
  .command('redrive')
  .argument('[id]', 'all without it')
  .action(async (id) => redriveDeadLetters(await master(), id))

program
  .command('cost')
  .description('estimate what the control plane costs in an AWS account, a month')
  .option('--agents <n>', 'agents', whole, 100)
  .option('--beats <seconds>', 'an agent beats this often', amount, 3)
  .option('--tasks-per-second <r>', 'short tasks started, on average', amount, 0)
  .option('--frameworks <n>', 'frameworks that are subscribed', whole, 1)
  .addOption(
    new Option(
      '--delivery <how>',
      'how frameworks hear: an open stream, polls of the connector, webhook or queue',
    )
      .choices(['stream', 'poll', 'notify'])
      .default('stream'),
  )
  .option('--masters <type>', 'instance type of the three masters to compare with', 'm7g.large')
  .option('--masters-disk <gb>', 'disk of each', amount, 50)
  .addOption(json())
  .action(async (options) => {
    const { cost } = await import('./cost/command.ts')
    const { agents, tasksPerSecond, frameworks, delivery } = options
    const scenario = { agents, beatSeconds: options.beats, tasksPerSecond, frameworks, delivery }
    cost({ ...scenario, masterType: options.masters, masterDiskGb: options.mastersDisk }, options.json)
  })

const dev = program.command('dev').description('faults for a cluster started by `npm start`')
dev
  .command('kill-machine')
  .argument('<n>', 'agent number', whole)
  .description('kill an agent and all its tasks, as when its machine dies')
  .action(async (n) => fault(await master(), 'KILL_MACHINE', n, undefined))
dev
  .command('pause')
  .argument('<n>', 'agent number', whole)
  .option('--seconds <s>', 'for how long', amount, 30)
  .description('stop an agent process for a while')
  .action(async (n, options) => fault(await master(), 'PAUSE_AGENT', n, options.seconds))
dev
  .command('partition')
  .argument('<n>', 'agent number', whole)
  .option('--seconds <s>', 'for how long', amount, 30)
  .description('cut an agent off from the control plane for a while')
  .action(async (n, options) => fault(await master(), 'PARTITION_AGENT', n, options.seconds))

const config = program.command('config').description('named contexts')
config.command('list').action(() => console.log(JSON.stringify(readConfig(), null, 2)))
config
  .command('set')
  .argument('<name>')
  .requiredOption('--url <url>')
  .action(async (name, options) => saveContext(name, await chooseContext({ master: options.url })))
config
  .command('use')
  .argument('<name>')
  .action((name) => useContext(name))

program
  .command('completion')
  .argument('<shell>', 'bash, zsh or fish')
  .action((shell: string) => {
    if (shell !== 'bash' && shell !== 'zsh' && shell !== 'fish')
      throw new CommandError('completion is for bash, zsh or fish', EXIT.usage)
    console.log(completionScript(shell, program))
  })
program.command('version').action(() => console.log(MESETA_VERSION))

// `meseta … | head`: whoever read our output has gone. A run ends its task then, everything else just ends.
process.stdout.on('error', () => {
  if (!process.emit('SIGPIPE')) process.exit(128 + constants.signals.SIGPIPE)
})

/** The one that the command speaks to, once it is chosen. */
let cluster: Context | undefined

try {
  await program.parseAsync(process.argv)
} catch (error) {
  const known = error instanceof CommandError
  if (known && cluster?.stack !== undefined) await forgetStale(cluster, error)
  process.stderr.write(
    `${styleText('red', 'error:', { stream: process.stderr })} ${harmlessLines((error as Error).message)}\n`,
  )
  if (!known && process.env.MESETA_DEBUG !== undefined) process.stderr.write(`${(error as Error).stack}\n`)
  process.exitCode = known ? error.code : EXIT.failed
}

async function master(): Promise<string> {
  const { master } = await chosen()
  identify(master, program.opts<GlobalOptions>())
  return master
}

async function chosen(): Promise<Context> {
  cluster = await chooseContext(program.opts<GlobalOptions>())
  return cluster
}

function amount(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError('expected a number that is not negative')
  return value
}

function whole(text: string): number {
  const value = amount(text)
  if (!Number.isInteger(value)) throw new InvalidArgumentError('expected a whole number')
  return value
}

function positive(text: string): number {
  const value = whole(text)
  if (value === 0) throw new InvalidArgumentError('expected at least 1')
  return value
}

function variable(
  text: string,
  previous: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('expected KEY=VALUE')
  return { ...previous, [text.slice(0, at)]: text.slice(at + 1) }
}
