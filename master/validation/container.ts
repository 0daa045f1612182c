// What is wrong with a container: its image, its volumes, its network.
import type { ContainerInfo, Volume, VolumeSource } from '../../protocol/messages.ts'

/** What is wrong with a container; undefined if nothing is. */
export function containerError(container: ContainerInfo): string | undefined {
  if (container.type === 'DOCKER') {
    if (container.docker === undefined) return "DockerInfo 'docker' is not set for DOCKER typed ContainerInfo"
    if ((container.docker.parameters ?? []).some(({ key }) => key === 'name')) {
      return "The docker parameter 'name' is not allowed: the agent names the container"
    }
  }
  for (const volume of container.volumes ?? []) {
    const reason = volumeReason(volume)
    if (reason !== undefined) return `Volume '${volume.container_path}' is invalid: ${reason}`
  }
  return undefined
}

function volumeReason({ host_path, image, source }: Volume): string | undefined {
  const count = [host_path, image, source].filter((each) => each !== undefined).length
  if (count !== 1) return "Exactly one of 'host_path', 'image' and 'source' must be set"
  return source === undefined ? undefined : sourceReason(source)
}

/** Which body belongs to which type of source. */
const bodyOf = {
  DOCKER_VOLUME: 'docker_volume',
  HOST_PATH: 'host_path',
  SANDBOX_PATH: 'sandbox_path',
  SECRET: 'secret',
  CSI_VOLUME: 'csi_volume',
} as const satisfies Readonly<Record<string, keyof VolumeSource>>

function sourceReason(source: VolumeSource): string | undefined {
  const { type } = source
  if (type === undefined || type === 'UNKNOWN') return "'source.type' is unknown"
  const body = bodyOf[type]
  return source[body] === undefined ? `'source.${body}' is not set for a source of type ${type}` : undefined
}

/** True if the container has a network of its own, in which the agent's checks do not reach it. */
export function hasOwnNetwork(container: ContainerInfo | undefined): boolean {
  return (container?.network_infos ?? []).some(({ name }) => name !== undefined)
}
