// meseta-outputs.json: what `npm run deploy` and `deploy:local` wrote down, in the folder we are in or one above it.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type ClusterName, clusterIn, type Outputs } from './clusters.ts'
import { FindError } from './find-error.ts'
import { endpointOf } from './place.ts'

const FILE = 'meseta-outputs.json'

/** Undefined: not written down, or of another region or emulator than is asked for. Throws FindError for a broken file. */
export function savedOutputs(
  folder: string,
  name: ClusterName,
  region: string | undefined,
  environment: NodeJS.ProcessEnv,
): { readonly url: string; readonly region?: string | undefined } | undefined {
  const file = above(folder)
  const outputs = file === undefined ? undefined : read(file)[name.stack]
  if (outputs === undefined) return undefined
  const deployedTo = /^arn:[^:]*:[^:]*:([^:]+):/.exec(outputs.SecretArn ?? '')?.[1]
  if (region !== undefined && deployedTo !== undefined && region !== deployedTo) return undefined
  const endpoint = endpointOf(environment)
  if (endpoint !== undefined && endpoint !== outputs.Endpoint) return undefined
  const { url } = clusterIn(outputs, name, { endpoint: outputs.Endpoint })
  return url === undefined ? undefined : { url, region: deployedTo }
}

function above(folder: string): string | undefined {
  const file = join(folder, FILE)
  if (existsSync(file)) return file
  return dirname(folder) === folder ? undefined : above(dirname(folder))
}

function read(file: string): Readonly<Record<string, Outputs>> {
  try {
    // Written by `cdk deploy` and completed by ours: outputs by stack.
    return JSON.parse(readFileSync(file, 'utf8')) as Readonly<Record<string, Outputs>>
  } catch (error) {
    throw new FindError('usage', `${file} cannot be read (${(error as Error).message}); mend or remove it`)
  }
}
