// Who answers, in the words of Mesos: there is no master process, but clients expect its id and address.
import type { MasterInfo } from '../../protocol/messages.ts'
import { MESOS_VERSION } from '../../protocol/version.ts'
import type { Environment } from '../environment.ts'

/**
 * @param reader on scheduler streams QUOTA_V2 is left out: a fielded Go client's decoder refuses the name (R36)
 */
export function masterInfo(
  env: Pick<Environment, 'cluster' | 'settings'>,
  reader: 'scheduler' | 'operator',
): MasterInfo {
  const { hostname, ip, port } = env.settings.publicAddress
  return {
    id: env.cluster.id,
    ip: packed(ip),
    port,
    pid: `master@${ip}:${port}`,
    hostname,
    version: MESOS_VERSION,
    address: { hostname, ip, port },
    capabilities: [
      { type: 'AGENT_UPDATE' },
      { type: 'AGENT_DRAINING' },
      ...(reader === 'operator' ? [{ type: 'QUOTA_V2' as const }] : []),
    ],
  }
}

/** An IPv4 address in network order, read as a little-endian number: 127.0.0.1 is 16777343. Others are 0. */
export function packed(ip: string): number {
  const parts = ip.split('.').map(Number)
  const isAddress =
    parts.length === 4 && parts.every((part) => Number.isInteger(part) && part >= 0 && part < 256)
  return isAddress ? Buffer.from(parts).readUInt32LE() : 0
}
