// Where CloudFormation is asked: region, profile, and an emulator's endpoint, as AWS's tools read them.
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { FindError } from './find-error.ts'

export interface Place {
  readonly region: string
  readonly profile?: string | undefined
  /** Of an emulator, without a slash at its end. */
  readonly endpoint?: string | undefined
}

/** Flags, then the environment, then the AWS configuration; throws FindError when nobody says a region. */
export function placeOf(
  wanted: { readonly region?: string | undefined; readonly profile?: string | undefined },
  environment: NodeJS.ProcessEnv,
): Place {
  const endpoint = endpointOf(environment)
  const profile = wanted.profile ?? (environment.AWS_PROFILE || undefined)
  const region =
    wanted.region ??
    // A profile that is named has its own region, whatever the shell is set to.
    (wanted.profile === undefined ? undefined : regionOfProfile(wanted.profile, environment)) ??
    (environment.AWS_REGION || environment.AWS_DEFAULT_REGION || undefined) ??
    regionOfProfile(profile ?? 'default', environment) ??
    (endpoint === undefined ? undefined : 'us-east-1')
  if (region === undefined) {
    throw new FindError(
      'usage',
      'the region of the stack is not known; give --region, such as --region eu-west-1, or set AWS_REGION',
    )
  }
  if (!/^[a-z0-9-]+$/.test(region)) throw new FindError('usage', `"${region}" is no region of AWS`)
  return { region, profile, endpoint }
}

/** Of CloudFormation alone, else of all services. */
export function endpointOf(environment: NodeJS.ProcessEnv): string | undefined {
  const said = environment.AWS_ENDPOINT_URL_CLOUDFORMATION || environment.AWS_ENDPOINT_URL
  return said ? said.replace(/\/+$/, '') : undefined
}

/** The line `region = …` in the section of a profile. */
function regionOfProfile(profile: string, environment: NodeJS.ProcessEnv): string | undefined {
  const file = environment.AWS_CONFIG_FILE || join(environment.HOME ?? homedir(), '.aws', 'config')
  if (!existsSync(file)) return undefined
  const wanted = profile === 'default' ? /^(profile\s+)?default$/ : undefined
  let isOurs = false
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const section = /^\s*\[\s*(.+?)\s*\]/.exec(line)?.[1]
    if (section !== undefined) {
      isOurs = wanted?.test(section) ?? section.replace(/^profile\s+/, '') === profile
    }
    const region = /^\s*region\s*=\s*([a-z0-9-]+)/.exec(line)?.[1]
    if (isOurs && region !== undefined) return region
  }
  return undefined
}
