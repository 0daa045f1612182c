// Which addresses the fetcher may speak to: not the ones where a cloud machine hands out its credentials.
import { lookup as systemLookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'

export interface AddressPolicy {
  /** Refuse link-local and metadata addresses, multicast, and what is no address of a host. */
  readonly denyMetadata: boolean
  /** Also allow this very machine. */
  readonly allowLoopback: boolean
}

export const DEFAULT_POLICY: AddressPolicy = { denyMetadata: true, allowLoopback: true }

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

const denied = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8], // "this host": connects to loopback
  ['169.254.0.0', 16], // link-local: metadata of EC2, Azure, Google; credentials of ECS and EKS
  ['100.100.100.200', 32], // metadata of Alibaba
  ['168.63.129.16', 32], // Azure's wire server
  ['192.0.0.192', 32], // metadata of Oracle
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, broadcast
] as const) {
  denied.addSubnet(network, prefix, 'ipv4')
}
for (const [network, prefix] of [
  ['::', 128],
  ['fe80::', 10], // link-local
  ['fec0::', 10], // site-local, as link-local was once
  ['ff00::', 8], // multicast
  ['fd00:ec2::', 32], // metadata and other services of an EC2 instance
  ['fd20:ce::254', 128], // metadata of Google
] as const) {
  denied.addSubnet(network, prefix, 'ipv6')
}

/** Why this address is not spoken to; undefined if it may be. */
export function addressProblem(address: string, policy: AddressPolicy): string | undefined {
  const kind = isIP(address)
  if (kind === 0) return `'${address}' is not an address`
  const plain = kind === 6 ? (embeddedIpv4(address) ?? address) : address
  const family = isIP(plain) === 4 ? 'ipv4' : 'ipv6'
  if (!policy.allowLoopback && loopback.check(plain, family)) return `${plain} is this very machine`
  if (policy.denyMetadata && denied.check(plain, family)) return `${plain} is not an address for files`
  return undefined
}

/** An IPv4 address in the clothes of IPv6: mapped, compatible, through NAT64 or 6to4. */
function embeddedIpv4(address: string): string | undefined {
  const groups = groupsOf(address)
  const text = (high = 0, low = 0) => [high >> 8, high & 255, low >> 8, low & 255].join('.')
  const startsWith = (...start: number[]) => start.every((group, index) => groups[index] === group)
  if (startsWith(0x2002)) return text(groups[1], groups[2])
  if (startsWith(0x64, 0xff9b)) return text(groups[6], groups[7])
  if (startsWith(0, 0, 0, 0, 0, 0xffff)) return text(groups[6], groups[7])
  // `::` and `::1` are addresses of their own.
  const isCompatible = startsWith(0, 0, 0, 0, 0, 0) && ((groups[6] ?? 0) > 0 || (groups[7] ?? 0) > 1)
  return isCompatible ? text(groups[6], groups[7]) : undefined
}

/** The eight groups of 16 bits. */
function groupsOf(address: string): number[] {
  // The parser of URLs writes every form in one way: hexadecimal, shortened at most once.
  const canonical = new URL(`http://[${address.split('%')[0]}]/`).hostname.slice(1, -1)
  const [front = '', back] = canonical.split('::')
  const numbers = (text: string) =>
    text
      .split(':')
      .filter(Boolean)
      .map((group) => Number.parseInt(group, 16))
  const [head, tail] = [numbers(front), numbers(back ?? '')]
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail]
}

/**
 * Resolves a name and refuses it if any of its addresses is refused. The connection goes to the very addresses that
 * were looked at: a name that resolves differently a moment later gains nothing.
 */
export function guardedLookup(
  policy: AddressPolicy,
  lookup: typeof systemLookup = systemLookup,
): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, [])
      const problem = addresses.map(({ address }) => addressProblem(address, policy)).find(Boolean)
      const [first] = addresses
      if (problem !== undefined) return callback(new Error(problem), [])
      if (first === undefined) return callback(new Error(`${hostname} has no address`), [])
      if (options.all) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}
