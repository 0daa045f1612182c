// `meseta connect`: stands beside frameworks that know only Mesos's plain wire, and is their master on this machine.
import { systemClock } from '../protocol/clock.ts'
import { basic, type Credentials, PASSED, readPassword, SettingsError, signing } from './credentials.ts'
import { farEnd } from './far-end.ts'
import { startFront } from './front.ts'
import { type ConnectOptions, readOptions } from './options.ts'
import { probe } from './probe.ts'

/** As the command `meseta` ends. */
const EXIT = { usage: 2, refused: 4 } as const

const log = (line: string) => {
  console.log(`${new Date(systemClock.now()).toISOString()} ${line}`)
}

try {
  await connect(readOptions(process.argv.slice(2)))
} catch (error) {
  if (!(error instanceof SettingsError)) throw error
  console.error(`error: ${error.message}`)
  process.exit(EXIT.usage)
}

async function connect(options: ConnectOptions): Promise<void> {
  const credentials = await credentialsFor(options)
  warn(options)
  const far = farEnd({ url: options.url, credentials, clock: systemClock, random: Math.random })
  const found = await probe(far)
  if (found.isHopeless) {
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

async function credentialsFor({
  url,
  user,
  passwordFile,
  profile,
  region,
  sign,
}: ConnectOptions): Promise<Credentials> {
  if (user !== undefined) {
    const password = passwordFile === undefined ? process.env.MESETA_PASSWORD : readPassword(passwordFile)
    if (password === undefined) {
      throw new SettingsError('--user needs its password: give --password-file, or set MESETA_PASSWORD')
    }
    return basic({ user, password })
  }
  if (!sign) return PASSED
  const chosen = region ?? regionOf(url) ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION
  if (chosen === undefined) throw new SettingsError('the region to sign for is not known; give --region')
  return await signing({ region: chosen, profile, clock: systemClock })
}

function regionOf(url: string): string | undefined {
  return /\.execute-api\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$/.exec(new URL(url).hostname)?.[1]
}

function warn({ url, host, user }: ConnectOptions): void {
  const { protocol, hostname } = new URL(url)
  if (user !== undefined && protocol === 'http:' && !isLoopback(hostname)) {
    log(`warning: the password goes to ${hostname} in the clear; use https`)
  }
  if (!isLoopback(host)) {
    log(
      `warning: whoever reaches ${host} speaks to the cluster with our rights; let only frameworks reach it`,
    )
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127\./.test(host)
}

function hostOf(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
