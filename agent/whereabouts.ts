// Where an agent is and how it is reached: what its flags say, else what the machine says of itself.
import { hostname } from 'node:os'
import type { Attribute, DomainInfo } from '../protocol/messages.ts'
import type { Flags } from './flags.ts'
import { attributesOf, domainOf, type Instance } from './instance.ts'

export interface Whereabouts {
  readonly ip: string
  readonly hostname: string
  readonly attributes: readonly Attribute[]
  readonly domain: DomainInfo | undefined
  readonly instanceId: string | undefined
}

/** What an operator gave wins, attribute by attribute. */
export function whereabouts(
  given: Pick<Flags, 'ip' | 'hostname' | 'attributes' | 'domain' | 'instanceId'>,
  instance: Instance | undefined,
): Whereabouts {
  const ip = given.ip ?? instance?.address ?? '127.0.0.1'
  const names = new Set(given.attributes.map(({ name }) => name))
  const found = instance === undefined ? [] : attributesOf(instance)
  return {
    ip,
    hostname: given.hostname ?? instance?.hostname ?? ownName(ip),
    attributes: [...found.filter(({ name }) => !names.has(name)), ...given.attributes],
    domain: given.domain ?? (instance === undefined ? undefined : domainOf(instance)),
    instanceId: given.instanceId ?? instance?.instanceId,
  }
}

/** A name that can be looked up: who listens on loopback only is reached under no other. */
function ownName(ip: string): string {
  return ip.startsWith('127.') ? 'localhost' : hostname()
}
