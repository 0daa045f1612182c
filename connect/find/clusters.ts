// Which cluster the outputs of a stack speak of. A construct named Cluster says `Url`, others put their name before it.
import { FindError } from './find-error.ts'
import type { Place } from './place.ts'

export type Outputs = Readonly<Record<string, string>>

export interface ClusterName {
  readonly stack: string
  /** The construct's; the one that is there without it. */
  readonly construct?: string | undefined
}

/** What every cluster says of itself: other stacks have a `Url`, too. */
const SAID = ['Url', 'ApiId', 'TableName', 'QueuePrefix'] as const

/** `App/Second` is the construct `Second` of the stack `App`. */
export function nameOf(text: string): ClusterName {
  const [, stack, construct] = /^([A-Za-z][A-Za-z0-9-]{0,127})(?:\/([A-Za-z0-9_-]+))?$/.exec(text) ?? []
  if (stack === undefined) {
    throw new FindError('usage', `"${text}" is no name of a stack; it has letters, digits and -`)
  }
  return construct === undefined ? { stack } : { stack, construct }
}

/** Its address, as it is reached from here; no `url` when there is no cluster. Throws FindError when there are several. */
export function clusterIn(
  outputs: Outputs,
  { stack, construct }: ClusterName,
  { endpoint }: Pick<Place, 'endpoint'>,
): { readonly url?: string } {
  const names = Object.keys(outputs).flatMap((key) => {
    const before = key.endsWith('ApiId') ? key.slice(0, -'ApiId'.length) : undefined
    return before !== undefined && SAID.every((name) => `${before}${name}` in outputs) ? [before] : []
  })
  const wanted = construct === undefined ? undefined : construct === 'Cluster' ? '' : construct
  const matching = wanted === undefined ? names : names.filter((name) => name === wanted)
  const [first] = matching
  if (first === undefined || matching.length > 1) {
    if (names.length === 0) return {}
    const listed = names.map((name) => `${stack}/${name === '' ? 'Cluster' : name}`).join(', ')
    throw new FindError(
      first === undefined ? 'notFound' : 'usage',
      first === undefined
        ? `the stack ${stack} has no cluster ${construct}; it has ${listed}`
        : `the stack ${stack} holds several clusters; name one: ${listed}`,
    )
  }
  // AWS's own address leads nowhere on an emulator.
  const url =
    endpoint === undefined
      ? outputs[`${first}Url`]
      : `${endpoint}/_aws/execute-api/${outputs[`${first}ApiId`]}/prod`
  return url === undefined ? {} : { url: url.replace(/\/+$/, '') }
}
