// The outputs of a stack, by one signed call of CloudFormation and without a client for it.
import { SignatureV4 } from '@smithy/signature-v4'
import type { Clock } from '../../protocol/clock.ts'
import { Sha256 } from '../../protocol/sha256.ts'
import type { Outputs } from './clusters.ts'
import { FindError } from './find-error.ts'
import type { Place } from './place.ts'

const WITHIN_MS = 10_000
/** Of the service's one and only interface. */
const VERSION = '2010-05-15'

/** Throws FindError: the stack is not there, may not be read, has ended badly, or nobody answers. */
export async function stackOutputs(place: Place, stack: string, clock: Clock): Promise<Outputs> {
  const { status, text } = await ask(place, stack, clock)
  if (status !== 200) throw refused(place, stack, status, text)
  const state = element(text, 'StackStatus') ?? ''
  const outputs = outputsOf(text)
  if (Object.keys(outputs).length === 0 && state !== '' && !/_COMPLETE$/.test(state)) {
    throw new FindError(
      'notFound',
      `the stack ${stack} in ${place.region} is ${state}; try again when its deployment has ended`,
    )
  }
  return outputs
}

async function ask(
  place: Place,
  stack: string,
  clock: Clock,
): Promise<{ readonly status: number; readonly text: string }> {
  const { region, endpoint } = place
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'
  const url = new URL(endpoint ?? `https://cloudformation.${region}.${domain}`)
  const body = new URLSearchParams({
    Action: 'DescribeStacks',
    Version: VERSION,
    StackName: stack,
  }).toString()
  const signer = new SignatureV4({
    service: 'cloudformation',
    region,
    credentials: await credentialsOf(place),
    sha256: Sha256,
  })
  const request = {
    method: 'POST',
    protocol: url.protocol,
    hostname: url.hostname,
    ...(url.port === '' ? {} : { port: Number(url.port) }),
    path: '/',
    headers: { host: url.host, 'content-type': 'application/x-www-form-urlencoded' },
    body,
  }
  const { headers } = await signer
    .sign(request, { signingDate: new Date(clock.now()) })
    .catch((error: unknown) => {
      throw new FindError(
        'refused',
        `there are no AWS credentials to look the stack up with (${said(error)}); give --profile, log in, or give the cluster's address with --master URL`,
      )
    })
  try {
    const answer = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(WITHIN_MS) })
    return { status: answer.status, text: await answer.text() }
  } catch (error) {
    const { cause } = error as { readonly cause?: { readonly code?: string } }
    const why = cause?.code ?? said(error)
    throw new FindError(
      'unreachable',
      `CloudFormation does not answer at ${url.origin} (${why}); check --region`,
    )
  }
}

/** An emulator takes any; else those that AWS's tools would find. */
async function credentialsOf({ profile, endpoint }: Place) {
  const isNobody = process.env.AWS_ACCESS_KEY_ID === undefined && profile === undefined
  if (endpoint !== undefined && isNobody) return { accessKeyId: 'test', secretAccessKey: 'test' }
  const { defaultProvider } = await import('@aws-sdk/credential-provider-node')
  return defaultProvider(profile === undefined ? {} : { profile })
}

function refused({ region }: Place, stack: string, status: number, text: string): FindError {
  const code = element(text, 'Code') ?? String(status)
  const message = element(text, 'Message') ?? text.slice(0, 300)
  if (code === 'ValidationError' && /does not exist/.test(message)) {
    return new FindError(
      'notFound',
      `there is no stack ${stack} in ${region} of this account; give --region or --profile if it is elsewhere, \`npm run deploy\` makes one`,
    )
  }
  if (/AccessDenied|UnauthorizedOperation/.test(code)) {
    return new FindError(
      'refused',
      `these credentials may not look the stack ${stack} up: they need cloudformation:DescribeStacks in ${region}; or give the cluster's address with --master URL`,
    )
  }
  if (/Token|Signature|UnrecognizedClient|OptInRequired|AuthFailure/.test(code)) {
    return new FindError(
      'refused',
      `AWS does not take these credentials (${code}: ${message}); log in again, or give --profile`,
    )
  }
  return new FindError(
    status >= 500 || code === 'Throttling' ? 'unreachable' : 'refused',
    `CloudFormation in ${region} answers ${code}: ${message}; try again`,
  )
}

function outputsOf(text: string): Outputs {
  const list = /<Outputs>(.*?)<\/Outputs>/s.exec(text)?.[1] ?? ''
  const members = [...list.matchAll(/<member>(.*?)<\/member>/gs)].map(([, member = '']) => member)
  return Object.fromEntries(
    members.map((member) => [element(member, 'OutputKey') ?? '', element(member, 'OutputValue') ?? '']),
  )
}

/** The text of the first element of a name. */
function element(text: string, name: string): string | undefined {
  const found = new RegExp(`<${name}>(.*?)</${name}>`, 's').exec(text)?.[1]
  return found?.replace(/&(?:#(\d+)|(\w+));/g, (whole, digits?: string, word?: string) =>
    digits === undefined ? (ENTITIES[word ?? ''] ?? whole) : String.fromCodePoint(Number(digits)),
  )
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
