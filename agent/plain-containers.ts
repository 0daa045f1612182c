// Containers made by the containerizer, with what belongs to Mesos around it: files fetched, commands spelled out.
import type { Clock } from '../protocol/clock.ts'
import type { CommandInfo, ContainerID, ContainerInfo, Resource } from '../protocol/messages.ts'
import { type ContainerExit, type Containerizer, LaunchFailed } from './containerizer/containerizer.ts'
import { type ContainerOrder, type Containers, LaunchRefused } from './containers.ts'
import type { ContainerEnd, FoundContainer } from './turn.ts'

export interface PlainContainersOptions {
  readonly containerizer: Containerizer
  readonly clock: Clock
  /** Mesos: --switch_user; needs root. */
  readonly switchUser: boolean
  /** Brings a command's files into the sandbox; rejects with a sentence. */
  readonly fetch: (order: ContainerOrder, signal: AbortSignal) => Promise<void>
}

export function plainContainers(options: PlainContainersOptions): Containers {
  const { containerizer, clock, switchUser } = options
  /** Under way; aborted when they are destroyed before they are there. */
  const making = new Map<string, AbortController>()
  let runs = 0

  return {
    launch,
    wait: async (id) => endOf(await containerizer.wait(nameOf(id))),
    signal: (id, signal) => containerizer.signal(nameOf(id), signal, 'tree'),
    destroy,
    forget: (id) => containerizer.remove(nameOf(id)),
    recover,
    usage: (id) => containerizer.usage(nameOf(id)),
    run,
  }

  async function launch(order: ContainerOrder): Promise<{ pid: number }> {
    const name = nameOf(order.containerId)
    const ended = new AbortController()
    making.set(name, ended)
    try {
      refuseWhatPlainProcessesCannot(order.container)
      if ((order.command.uris ?? []).length > 0) await options.fetch(order, ended.signal)
      if (ended.signal.aborted) throw new LaunchFailed('launch', 'It was ended before it was started')
      const { pid } = await containerizer.launch({
        containerId: name,
        sandbox: order.sandbox,
        argv: argvOf(order.command),
        environment: order.environment,
        ...(switchUser && order.user ? { user: order.user } : {}),
        resources: { cpus: scalar(order.resources, 'cpus'), memMb: scalar(order.resources, 'mem') },
      })
      return { pid }
    } catch (error) {
      throw refusal(name, error)
    } finally {
      making.delete(name)
    }
  }

  async function destroy(id: ContainerID): Promise<void> {
    const name = nameOf(id)
    making.get(name)?.abort()
    await containerizer.destroy(name)
  }

  async function recover(containers: readonly ContainerID[]): Promise<ReadonlyMap<string, FoundContainer>> {
    const recovery = await containerizer.recover(containers.map(nameOf))
    await Promise.all(recovery.orphans.map((orphan) => containerizer.remove(orphan)))
    return new Map(
      containers.map((id): [string, FoundContainer] => {
        const found = recovery.containers.get(nameOf(id)) ?? { kind: 'lost' as const, why: 'unknown' }
        if (found.kind === 'running') return [id.value, { found: 'running', pid: found.handle?.pid ?? 0 }]
        return [id.value, found.kind === 'lost' ? { found: 'none' } : { found: 'ended', end: endOf(found) }]
      }),
    )
  }

  async function run(order: Parameters<Containers['run']>[0]): Promise<ContainerEnd | 'timeout'> {
    runs += 1
    const name = `${nameOf(order.beside)}.check${runs}`
    await containerizer.launch({
      containerId: name,
      sandbox: order.sandbox,
      argv: argvOf(order.command),
      environment: order.environment,
      ...(switchUser && order.user ? { user: order.user } : {}),
      resources: {},
    })
    let late = false
    const cancel =
      order.timeoutMs <= 0
        ? undefined
        : clock.after(order.timeoutMs, () => {
            late = true
            void containerizer.destroy(name)
          })
    const end = await containerizer.wait(name)
    cancel?.()
    await containerizer.remove(name)
    return late ? 'timeout' : endOf(end)
  }
}

/** A nested container is named after its parent, so that it is seen to belong there. */
function nameOf(id: ContainerID): string {
  return id.parent === undefined ? id.value : `${nameOf(id.parent)}.${id.value}`
}

function endOf(exit: ContainerExit): ContainerEnd {
  if (exit.kind === 'exited') return { kind: 'exit', value: exit.code }
  if (exit.kind === 'signaled') return { kind: 'signal', value: exit.signal }
  return { kind: 'unknown', value: 0 }
}

/** With a shell the value is its command; without, the value is the program and the first argument its own name. */
function argvOf(command: CommandInfo): string[] {
  if (command.value === undefined) throw new LaunchFailed('launch', 'The command has no value to execute')
  if (command.shell !== false) return ['/bin/sh', '-c', command.value]
  return [command.value, ...(command.arguments ?? []).slice(1)]
}

function refuseWhatPlainProcessesCannot(container: ContainerInfo | undefined): void {
  const cannot = (what: string) => {
    throw new LaunchFailed('launch', `This agent runs tasks as plain processes and cannot give them ${what}`)
  }
  if (container === undefined) return
  if (container.type === 'DOCKER' || container.mesos?.image !== undefined) cannot('a container image')
  if ((container.volumes ?? []).length > 0) cannot('volumes')
  if ((container.network_infos ?? []).some((network) => network.name !== undefined))
    cannot('a network of their own')
  if (container.tty_info !== undefined) cannot('a terminal')
}

function scalar(resources: readonly Resource[], name: string): number | undefined {
  const amounts = resources.filter((resource) => resource.name === name).map((one) => one.scalar?.value ?? 0)
  return amounts.length === 0 ? undefined : amounts.reduce((sum, amount) => sum + amount, 0)
}

function refusal(name: string, error: unknown): LaunchRefused {
  if (error instanceof LaunchFailed) return new LaunchRefused({ why: error.why, message: error.message })
  const what = error instanceof Error ? error.message : String(error)
  return new LaunchRefused({ why: 'launch', message: `Failed to launch container ${name}: ${what}` })
}
