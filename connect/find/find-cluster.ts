// Finds a deployed cluster by the name of its stack: what the deployment wrote down, what was found before, CloudFormation.
import { type Clock, systemClock } from '../../protocol/clock.ts'
import { type Key, recall, remember } from './address-book.ts'
import { clusterIn, nameOf } from './clusters.ts'
import { FindError } from './find-error.ts'
import { placeOf } from './place.ts'
import { savedOutputs } from './saved-outputs.ts'

export interface Wanted {
  /** `Meseta`; `App/Second` is the construct `Second` of a stack with several clusters. */
  readonly stack: string
  readonly region?: string | undefined
  /** Of the AWS configuration; without it the credentials that AWS's tools find. */
  readonly profile?: string | undefined
}

export interface Found {
  /** Where frameworks and people call, without a slash at its end. */
  readonly url: string
  /** Absent where the outputs were written down and name none. */
  readonly region?: string | undefined
  readonly how: 'written down' | 'remembered' | 'asked'
}

export interface Surroundings {
  readonly environment?: NodeJS.ProcessEnv | undefined
  readonly clock?: Clock | undefined
  /** Where people are: `meseta-outputs.json` is looked for from here upwards. */
  readonly folder?: string | undefined
}

/**
 * The address of a deployed cluster. Asks CloudFormation at most every four hours for the same name. Throws FindError,
 * a sentence that says what to do.
 */
export async function findCluster(
  wanted: Wanted,
  { environment = process.env, clock = systemClock, folder = process.cwd() }: Surroundings = {},
): Promise<Found> {
  const name = nameOf(wanted.stack)
  // Another profile may be another account, which the file says nothing of.
  const saved =
    wanted.profile === undefined ? savedOutputs(folder, name, wanted.region, environment) : undefined
  if (saved !== undefined) return { ...saved, how: 'written down' }
  const place = placeOf(wanted, environment)
  const key: Key = { place, stack: wanted.stack, environment }
  const known = recall(key, clock)
  if (known !== undefined) return { url: known, region: place.region, how: 'remembered' }
  const { stackOutputs } = await import('./cloudformation.ts')
  const { url } = clusterIn(await stackOutputs(place, name.stack, clock), name, place)
  if (url === undefined) {
    throw new FindError(
      'notFound',
      `the stack ${name.stack} in ${place.region} says no address; is it a cluster of Meseta, and has its deployment ended?`,
    )
  }
  remember(key, url, clock)
  return { url, region: place.region, how: 'asked' }
}
