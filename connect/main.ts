// `meseta connect`: stands beside frameworks that know only Mesos's plain wire, and is their master on this machine.
import { systemClock } from '../protocol/clock.ts'
import { isLoopback } from '../protocol/credentials.ts'
import { basicFrom, type Credentials, PASSED, SettingsError, signing } from './credentials.ts'
import { farEnd } from './far-end.ts'
import { FindError, type FindErrorKind } from './find/find-error.ts'
import { startFront } from './front.ts'
import { type ConnectOptions, readOptions } from './options.ts'
import { probe } from './probe.ts'

/** As the command `meseta` ends. */
const EXIT: Readonly<Record<FindErrorKind, number>> = { usage: 2, notFound: 3, refused: 4, unreachable: 5 }

const log = (line: string) => {
  console.log(`${new Date(systemClock.now()).toISOString()} ${line}`)
}

try {
  await connect(readOptions(process.argv.slice(2)))
} catch (error) {
  if (!(error instanceof SettingsError || error instanceof FindError)) throw error
  console.error(`error: ${error.message}`)
  process.exit(EXIT[error instanceof FindError ? error.kind : 'usage'])
}

async function connect(given: ConnectOptions): Promise<void> {
  const options = { ...given, url: given.url ?? (await urlOf(given)) }
  const credentials = await credentialsFor(options)
  warn(options)
  const far = farEnd({ url: options.url, credentials, clock: systemClock, random: Math.random })
  const found = await probe(far)
  if (found.isHopeless) {
    await forgetAddress(options.url)
    console.error(`error: ${found.sentence}`)
    process.exit(EXIT.refused)
  }
  log(found.sentence)
  const front = await startFront({
    farEnd: far,
    clock: systemClock,
    random: Math.random,
    log,
    host: options.host,
    port: options.port,
  }).catch((error: NodeJS.ErrnoException) => {
    throw new SettingsError(
      `cannot listen at ${options.host}:${options.port} (${error.code}); name another place with --listen`,
    )
  })
  const stop = () => {
    front
      .stop()
      .catch((error: unknown) => log(`stopped badly: ${String(error)}`))
      .finally(() => process.exit(0))
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop)
  log(`ready: frameworks find their master at http://${hostOf(options.host)}:${front.port}`)
}

/** Of the stack that is named; the address is checked by the first look. */
async function urlOf({ stack = '', region, profile }: ConnectOptions): Promise<string> {
  const { findCluster } = await import('./find/find-cluster.ts')
  const { url, how } = await findCluster({ stack, region, profile })
  log(`the stack ${stack} is at ${url} (${how})`)
  return url
}

/** The next look asks CloudFormation again. */
async function forgetAddress(url: string): Promise<void> {
  const { forget } = await import('./find/address-book.ts')
  forget(url)
}

async function credentialsFor(options: ConnectOptions & { readonly url: string }): Promise<Credentials> {
  const { url, profile, region, sign } = options
  if (!sign) return basicFrom(options, process.env) ?? PASSED
  const chosen = region ?? regionOf(url) ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION
  if (chosen === undefined) throw new SettingsError('the region to sign for is not known; give --region')
  return await signing({ region: chosen, profile, clock: systemClock })
}

function regionOf(url: string): string | undefined {
  return /\.execute-api\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$/.exec(new URL(url).hostname)?.[1]
}

function warn({ host }: ConnectOptions): void {
  if (!isLoopback(host)) {
    log(
      `warning: whoever reaches ${host} speaks to the cluster with our rights; let only frameworks reach it`,
    )
  }
}

function hostOf(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
