// What crosses the borders inside a cluster, each crossing as a line: commits, nudges, an agent's calls and starts, events.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Change } from '../../master/decision.ts'
import type { AgentCall, Nudge } from '../../protocol/agent-messages.ts'
import type { SchedulerEvent, TaskStatus } from '../../protocol/messages.ts'
import type { ClusterOptions } from '../cluster.ts'

/** Ids of this run by the names the transcript gives them. */
export class Names {
  readonly #names = new Map<string, string>()
  readonly #counts = new Map<string, number>()

  /** The name of an id; a new one is the next of its letter: A1, F1, O1. */
  of(letter: string, id: string): string {
    const known = this.#names.get(id)
    if (known !== undefined) return known
    const count = (this.#counts.get(letter) ?? 0) + 1
    const name = `${letter}${count}`
    this.#counts.set(letter, count)
    this.#names.set(id, name)
    return name
  }

  /** The id that has this name. */
  id(name: string): string {
    for (const [id, known] of this.#names) if (known === name) return id
    throw new Error(`nothing is called ${name} yet`)
  }
}

/** Options of a cluster whose borders are watched. */
export function watched(names: Names, say: (line: string) => void): Partial<ClusterOptions> {
  return {
    wrapStore: (store) => ({
      ...store,
      async commit(changes, token) {
        const result = await store.commit(changes, token)
        const [first, ...rest] = changes.flatMap((change) => described(names, change) ?? [])
        if (result.kind === 'committed' && first !== undefined) {
          say(`table: ${first}`)
          for (const more of rest) say(`+ ${more}`)
        }
        return result
      },
    }),
    wrapQueues: (queues) => ({
      ...queues,
      async sendToAgent(agentId, body) {
        // The body is what the control plane itself wrote.
        say(`queue of ${names.of('A', agentId)}: ${nudged(JSON.parse(body) as Nudge)}`)
        await queues.sendToAgent(agentId, body)
      },
    }),
    wrapContainerizer: (containerizer, workDir) =>
      new Proxy(containerizer, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name)
          if (typeof value !== 'function') return value
          return (...given: unknown[]) => {
            if (name === 'launch') say(`agent: starts a container; ${onDisk(workDir)}`)
            return value.apply(target, given)
          }
        },
      }),
    onRequest({ path, body }) {
      if (path !== '/api/v1/agent') return
      const call = JSON.parse(Buffer.from(body).toString()) as AgentCall
      if (call.type === 'UPDATES' && call.updates.length > 0) {
        const updates = call.updates.map(
          ({ taskId, number, status }) => `${taskId} ${number} ${status.state}`,
        )
        say(`agent: UPDATES ${updates.join(', ')}`)
      }
    },
  }
}

/** A change in a few words; undefined for what goes on without anybody's doing: leases, beats, ticks. */
function described(names: Names, change: Change): string | undefined {
  const { do: does } = change
  switch (change.kind) {
    case 'framework': {
      const name = names.of('F', change.item.frameworkId)
      if (change.do !== 'put') return `${does} framework ${name}`
      const { state, epoch, suppressedRoles, openWork } = change.item
      const suppressed = suppressedRoles.length === 0 ? [] : [`suppressed: ${suppressedRoles.join(' ')}`]
      const open = openWork === undefined ? [] : [`open work: ${openWork}`]
      return `${does} framework ${name} (${[state, `epoch ${epoch}`, ...suppressed, ...open].join(', ')})`
    }
    case 'gate': {
      const epoch =
        change.when.name === 'epoch' || change.when.name === 'raises' ? ` ${change.when.epoch}` : ''
      return `${does} gate ${change.item.index} of ${names.of('F', change.item.frameworkId)} (${change.when.name}${epoch})`
    }
    case 'ledger': {
      const name = names.of('A', change.item.agentId)
      if (change.do !== 'put') return `${does} ledger ${name}`
      const { generation, offers } = change.item
      const offered = Object.keys(offers).map((id) => names.of('O', id))
      return `${does} ledger ${name} (generation ${generation}, offers: ${offered.join(' ') || 'none'})`
    }
    case 'run': {
      const { taskId } = change.item
      if (change.do !== 'put') return `${does} run ${taskId}`
      return `${does} run ${taskId} (${change.item.wanted}, since generation ${change.item.launchGeneration})`
    }
    case 'task': {
      const { taskId } = change.item
      if (change.do !== 'put') return `${does} task ${taskId}`
      const { mesos, standing, custody } = change.item
      const kept = custody.map(({ number }) => number).join(' ')
      return `${does} task ${taskId} (${mesos.state}, ${standing}${kept === '' ? '' : `, custody ${kept}`})`
    }
    case 'executor':
      return `${does} executor ${change.item.executorId}`
    case 'mail':
      return mail(names, change)
    default:
      return undefined
  }
}

function mail(names: Names, change: Extract<Change, { kind: 'mail' }>): string | undefined {
  const [kind = '', about = ''] = change.item.key.split('#')
  const name = kind === 'OFFER' ? names.of('O', about) : about
  // What was said once leaves the mailbox when the reader gets to it.
  if (change.do !== 'put') return kind === 'UPDATE' ? `${change.do} mail ${kind} ${name}` : undefined
  const { body } = change.item
  const what = body.kind === 'update' || body.kind === 'word' ? `${name} ${body.status.state}` : name
  return `put mail ${kind} ${what}`
}

function nudged(nudge: Nudge): string {
  if (nudge.kind !== 'changes') return nudge.kind
  const tasks = nudge.tasks.map(({ wanted, taskId }) => `${wanted} ${taskId}`)
  const dropped = nudge.dropped.map(({ taskId }) => `drop ${taskId}`)
  return `generation ${nudge.generation}: ${[...tasks, ...dropped].join(', ')}`
}

/** What the agent would still know if it died now. */
function onDisk(workDir: string): string {
  const { applied } = JSON.parse(readFileSync(join(workDir, 'meta/position.json'), 'utf8')) as {
    applied: number
  }
  const tasks = readdirSync(join(workDir, 'meta/tasks')).map((file) => file.replace(/\..*$/, ''))
  return `on disk are generation ${applied} and the launch of ${tasks.sort().join(', ') || 'nothing'}`
}

/** An event as the framework heard it; undefined for what it hears anyway. */
export function heard(names: Names, event: SchedulerEvent): string | undefined {
  switch (event.type) {
    case 'HEARTBEAT':
      return undefined
    case 'SUBSCRIBED':
      return `hears SUBSCRIBED as ${names.of('F', event.subscribed?.framework_id.value ?? '')}`
    case 'OFFERS':
      return `hears OFFERS ${(event.offers?.offers ?? [])
        .map(({ id, agent_id }) => `${names.of('O', id.value)} of ${names.of('A', agent_id.value)}`)
        .join(', ')}`
    case 'UPDATE':
      return event.update === undefined ? undefined : `hears UPDATE ${status(event.update.status)}`
    default:
      return `hears ${event.type}`
  }
}

function status({ task_id, state, source, reason, uuid }: TaskStatus): string {
  const parts = [source, reason, uuid === undefined ? 'no uuid' : undefined].filter(
    (part) => part !== undefined,
  )
  return `${task_id.value} ${state} (${parts.join(', ')})`
}
