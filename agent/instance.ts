// The EC2 instance an agent runs on: who and where it is, as attributes, fault domain and address of the agent.
import { type Clock, sleep } from '../protocol/clock.ts'
import type { Attribute, DomainInfo } from '../protocol/messages.ts'
import type { Metadata } from './metadata.ts'

export interface Instance {
  readonly instanceId: string
  readonly zone: string | undefined
  readonly region: string | undefined
  /** Such as `m7g.large`. */
  readonly type: string | undefined
  /** `spot`, `on-demand`, or another word of EC2 such as `capacity-block`. */
  readonly lifecycle: string
  readonly address: string | undefined
  readonly hostname: string | undefined
}

/** `off`: not asked for. `auto`: at most a second, then it is no instance. `require`: no start without an answer. */
export type InstanceLook = 'off' | 'auto' | 'require'

/** The look may hold up a start for no longer, ms. Who needs the answer would only be started again. */
const PATIENCE_MS = { auto: 1_000, require: 5_000 } as const

/** Undefined where there is none; rejects with a sentence only when it is required. Never takes long. */
export async function findInstance(
  look: InstanceLook,
  { metadata, clock }: { readonly metadata: Metadata; readonly clock: Clock },
): Promise<Instance | undefined> {
  if (look === 'off') return undefined
  try {
    return await readInstance(metadata, clock, PATIENCE_MS[look])
  } catch (error) {
    if (look === 'auto') return undefined
    const why = error instanceof Error ? error.message : String(error)
    throw new Error(`the metadata of this EC2 instance cannot be read: ${why}`)
  }
}

async function readInstance(metadata: Metadata, clock: Clock, patienceMs: number): Promise<Instance> {
  const giveUp = new AbortController()
  const read = (path: string) => metadata.get(path, giveUp.signal)
  const values = Promise.all([
    read('instance-id'),
    read('placement/availability-zone'),
    read('placement/region'),
    read('instance-type'),
    read('instance-life-cycle'),
    read('local-ipv4'),
    read('local-hostname'),
  ])
  const late = sleep(clock, patienceMs, giveUp.signal).then(() => undefined)
  try {
    const found = await Promise.race([values, late])
    if (found === undefined) throw new Error(`no answer within ${patienceMs / 1_000} s`)
    const [instanceId, zone, region, type, lifecycle = 'on-demand', address, hostname] = found
    if (instanceId === undefined) throw new Error('it names no instance')
    return { instanceId, zone, region, type, lifecycle, address, hostname: firstOf(hostname) }
  } finally {
    giveUp.abort()
    // Whoever was given up on may still fail, unheard.
    values.catch(() => {})
  }
}

/** A network with several domain names lists them all, with blanks in between. */
function firstOf(hostnames: string | undefined): string | undefined {
  return hostnames?.split(' ')[0]
}

/** Names as operators write them in constraints; what is not known is left out. */
export function attributesOf({ zone, region, type, lifecycle }: Instance): readonly Attribute[] {
  const known = { zone, region, instance_type: type, lifecycle, architecture: process.arch }
  return Object.entries(known).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, type: 'TEXT' as const, text: { value } }],
  )
}

/** Mesos: a region and a zone in it; undefined unless both are known. */
export function domainOf({ zone, region }: Instance): DomainInfo | undefined {
  if (zone === undefined || region === undefined) return undefined
  return { fault_domain: { region: { name: region }, zone: { name: zone } } }
}
