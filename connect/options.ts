// What `meseta connect …` takes, checked before anything is started.
import { Command, InvalidArgumentError, Option } from 'commander'

export interface ConnectOptions {
  /** Absent: `stack` says which. */
  readonly url?: string | undefined
  readonly stack?: string | undefined
  readonly host: string
  readonly port: number
  readonly principal?: string | undefined
  readonly secretFile?: string | undefined
  readonly profile?: string | undefined
  readonly region?: string | undefined
  readonly sign: boolean
}

/** Reads the command line; commander prints what is wrong and ends the process with 2. */
export function readOptions(
  argv: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): ConnectOptions {
  const command = new Command('meseta connect')
    .description(
      'A plain Mesos endpoint on this machine for a cluster that is far away: frameworks and tools use it as their master.',
    )
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .option('--url <url>', 'the cluster, with its stage: https://….amazonaws.com/prod', url)
    .option('--stack <name>', 'the cluster by its stack, instead of --url (else MESETA_STACK)')
    .addOption(
      new Option(
        '--listen <address>',
        'host:port or port; another host than this machine’s own must be named',
      )
        .argParser(address)
        .default({ host: '127.0.0.1', port: 5050 }, '127.0.0.1:5050'),
    )
    .option('--principal <name>', 'say who we are by HTTP Basic (else MESETA_PRINCIPAL)')
    .option('--secret-file <file>', 'its secret, in a file that only you can read (else MESETA_SECRET)')
    .option('--profile <name>', 'sign with the credentials of this profile of the AWS configuration')
    .option('--region <region>', 'region to sign for; else from the URL, else AWS_REGION')
    .option('--sign', 'sign with the credentials AWS tools find without a profile', false)
    .addHelpText(
      'after',
      '\nWithout --principal, MESETA_PRINCIPAL, --profile, --region and --sign, what the framework says of itself is passed on.\nWith --stack, --profile and --region say where the stack is, and only --sign signs.',
    )
    .parse([...argv], { from: 'user' })
  if (command.args.length > 0) {
    command.error(`error: nothing is called ${command.args.join(' ')} here; options begin with --`)
  }
  const given = command.opts<{
    url?: string
    stack?: string
    listen: { host: string; port: number }
    principal?: string
    secretFile?: string
    profile?: string
    region?: string
    sign: boolean
  }>()
  if (given.url !== undefined && given.stack !== undefined) {
    command.error('error: --url and --stack both name the cluster; choose one')
  }
  const stack = given.url === undefined ? given.stack || environment.MESETA_STACK || undefined : undefined
  if (given.url === undefined && stack === undefined) {
    command.error('error: which cluster? give --url URL, or --stack NAME')
  }
  const isForSigning = stack === undefined && (given.profile !== undefined || given.region !== undefined)
  const isSigned = given.sign || isForSigning
  if (isSigned && (given.principal !== undefined || given.secretFile !== undefined)) {
    command.error('error: --principal says who we are by HTTP Basic, the others by a signature; choose one')
  }
  return {
    url: given.url,
    stack,
    ...given.listen,
    principal: given.principal,
    secretFile: given.secretFile,
    profile: given.profile,
    region: given.region,
    sign: isSigned,
  }
}

function url(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new InvalidArgumentError('it is a URL such as https://example.com/prod')
  }
  const { username, search, hash } = new URL(text)
  if (username !== '')
    throw new InvalidArgumentError('a password in a URL can be seen by all; use --principal')
  if (search !== '' || hash !== '') throw new InvalidArgumentError('the URL ends with its path')
  return text
}

/** `5050`, `127.0.0.1:5050`, `[::1]:5050`, `0.0.0.0:5050`. */
export function address(text: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, digits] = /^(?:(?:\[([^\]]+)\]|([^:]+)):)?(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (digits === undefined || port > 65_535) {
    throw new InvalidArgumentError('it is a port, or host:port such as 127.0.0.1:5050')
  }
  return { host: bracketed ?? plain ?? '127.0.0.1', port }
}
