// Reads a call of an agent from JSON: everything is checked before anything is believed, and bounded (A10, A11).
//
// Mesos messages inside it are read as on every other API; an error is a sentence that names the field.
import { MAX_DEPTH, MAX_UPDATES_PER_CALL } from '../../master/limits.ts'
import { TASK_STATES } from '../../master/task-state.ts'
import type {
  AgentCall,
  ExecutorExit,
  ExecutorMessage,
  ExecutorReport,
  Notice,
  RegisterCall,
  TaskReport,
  UpdateReport,
} from '../../protocol/agent-messages.ts'
import { decodeJsonValue, type MessageName } from '../../protocol/codec.ts'
import { idError, roleError } from '../../protocol/ids.ts'
import { parseJson } from '../../protocol/json-reading.ts'
import type { MessageTypes, Resource, TaskState } from '../../protocol/messages.ts'
import { resourcesError } from '../../protocol/resource-validation.ts'
import { WireError } from '../../protocol/wire-error.ts'

/** A page of a registration; agents send far less. */
const MAX_TASKS_PER_PAGE = 2_000
const MAX_EXECUTORS_PER_PAGE = 2_000
const MAX_PAGES = 1_000
const MAX_EXITS = 500
const MAX_MESSAGES = 500

export type ReadCall = { readonly call: AgentCall } | { readonly error: string }

/** Reads a body; never throws for what an agent sent. */
export function readCall(body: Uint8Array): ReadCall {
  try {
    const value = parseJson(body)
    if (depthOf(value) > MAX_DEPTH) return { error: `The body is nested more than ${MAX_DEPTH} deep` }
    return { call: callOf(new Fields(value, '')) }
  } catch (error) {
    if (error instanceof WireError) return { error: error.message }
    throw error
  }
}

function callOf(fields: Fields): AgentCall {
  const type = fields.text('type')
  switch (type) {
    case 'REGISTER':
      return registerCall(fields)
    case 'SYNC':
      return {
        type,
        agentId: fields.agentId('agentId'),
        incarnation: fields.count('incarnation'),
        applied: fields.count('applied'),
        after: fields.optional('after', () => fields.text('after')),
      }
    case 'UPDATES':
      return {
        type,
        agentId: fields.agentId('agentId'),
        incarnation: fields.count('incarnation'),
        applied: fields.count('applied'),
        updates: fields.list('updates', MAX_UPDATES_PER_CALL, updateReport),
        exits: fields.list('exits', MAX_EXITS, executorExit),
        messages: fields.list('messages', MAX_MESSAGES, executorMessage),
      }
    case 'NOTICE':
      return {
        type,
        agentId: fields.agentId('agentId'),
        incarnation: fields.count('incarnation'),
        notice: notice(fields.object('notice')),
      }
    case 'UNREGISTER':
      return { type, agentId: fields.agentId('agentId'), incarnation: fields.count('incarnation') }
    default:
      throw new WireError("Field 'type' must be REGISTER, SYNC, UPDATES, NOTICE or UNREGISTER")
  }
}

function registerCall(fields: Fields): RegisterCall {
  const address = fields.object('address')
  const page = fields.count('page')
  const pages = fields.count('pages')
  if (pages < 1 || pages > MAX_PAGES || page >= pages) {
    throw new WireError(`Field 'page' must be below 'pages', which is from 1 to ${MAX_PAGES}`)
  }
  const agentInfo = fields.message('agentInfo', 'mesos.v1.AgentInfo')
  soundResources(agentInfo.resources ?? [], 'agentInfo.resources')
  return {
    type: 'REGISTER',
    bootNonce: fields.id('bootNonce'),
    agentId: fields.optional('agentId', () => fields.agentId('agentId')),
    agentInfo,
    address: { ip: address.text('ip'), port: address.count('port') },
    version: fields.text('version'),
    capabilities: fields.list('capabilities', 100, (item) => item.whole('mesos.v1.AgentInfo.Capability')),
    instanceId: fields.optional('instanceId', () => fields.text('instanceId')),
    applied: fields.count('applied'),
    sums: sumsOf(fields.object('sums')),
    page,
    pages,
    tasks: fields.list('tasks', MAX_TASKS_PER_PAGE, taskReport),
    executors: fields.list('executors', MAX_EXECUTORS_PER_PAGE, executorReport),
    frameworks: fields.list('frameworks', MAX_TASKS_PER_PAGE, (item) => item.whole('mesos.v1.FrameworkInfo')),
  }
}

function sumsOf(frameworks: Fields): RegisterCall['sums'] {
  const sums = frameworks.names().map((frameworkId) => {
    const roles = frameworks.object(frameworks.key(frameworkId, idError))
    const charged = roles.names().map((role) => [role, roles.resources(roles.key(role, roleError))] as const)
    return [frameworkId, Object.fromEntries(charged)] as const
  })
  return Object.fromEntries(sums)
}

function taskReport(fields: Fields): TaskReport {
  return {
    frameworkId: fields.id('frameworkId'),
    taskId: fields.id('taskId'),
    executorId: fields.optional('executorId', () => fields.id('executorId')),
    state: fields.state('state'),
    lastUpdate: fields.count('lastUpdate'),
    waiting: fields.optional('waiting', () => fields.count('waiting')),
    launchIncarnation: fields.count('launchIncarnation'),
    launchGeneration: fields.count('launchGeneration'),
    role: fields.role('role'),
    resources: fields.resources('resources'),
    info: fields.optional('info', () => fields.message('info', 'mesos.v1.TaskInfo')),
  }
}

function executorReport(fields: Fields): ExecutorReport {
  const info = fields.message('info', 'mesos.v1.ExecutorInfo')
  const reason = idError(info.executor_id.value)
  if (reason !== undefined) throw new WireError(`An executor id is no id: ${reason}`)
  return {
    frameworkId: fields.id('frameworkId'),
    info,
    role: fields.role('role'),
    resources: fields.resources('resources'),
    executorGeneration: fields.optional('executorGeneration', () => fields.count('executorGeneration')),
  }
}

function updateReport(fields: Fields): UpdateReport {
  return {
    frameworkId: fields.id('frameworkId'),
    taskId: fields.id('taskId'),
    number: fields.count('number'),
    launchIncarnation: fields.count('launchIncarnation'),
    launchGeneration: fields.optional('launchGeneration', () => fields.count('launchGeneration')),
    status: fields.message('status', 'mesos.v1.TaskStatus'),
    latestState: fields.state('latestState'),
  }
}

function notice(fields: Fields): Notice {
  const kind = fields.text('kind')
  switch (kind) {
    case 'spot':
      return { kind, at: fields.count('at') }
    case 'rebalance':
    case 'hook':
      return { kind }
    default:
      throw new WireError("Field 'notice.kind' must be spot, rebalance or hook")
  }
}

function executorExit(fields: Fields): ExecutorExit {
  return {
    frameworkId: fields.id('frameworkId'),
    executorId: fields.id('executorId'),
    containerId: fields.id('containerId'),
    executorGeneration: fields.optional('executorGeneration', () => fields.count('executorGeneration')),
    status: fields.whole32('status'),
  }
}

function executorMessage(fields: Fields): ExecutorMessage {
  return {
    frameworkId: fields.id('frameworkId'),
    executorId: fields.id('executorId'),
    data: fields.text('data'),
  }
}

const states: ReadonlySet<string> = new Set(TASK_STATES)

/** One object on the way down, with the path that leads to it. */
class Fields {
  readonly #value: Readonly<Record<string, unknown>>
  readonly #path: string

  constructor(value: unknown, path: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new WireError(
        path === '' ? 'The body must be a JSON object' : `Field '${path}' must be an object`,
      )
    }
    // A plain object of JSON; every field is checked where it is read.
    this.#value = value as Readonly<Record<string, unknown>>
    this.#path = path
  }

  names(): readonly string[] {
    return Object.keys(this.#value)
  }

  /** A field's name that is itself somebody's word. */
  key(name: string, error: (text: string) => string | undefined): string {
    const reason = error(name)
    if (reason !== undefined) throw new WireError(`A name in '${this.#path}' is not sound: ${reason}`)
    return name
  }

  optional<T>(name: string, read: () => T): T | undefined {
    return this.#get(name) === undefined ? undefined : read()
  }

  text(name: string): string {
    const value = this.#get(name)
    return typeof value === 'string' ? value : this.#refuse(name, 'must be a text')
  }

  id(name: string): string {
    const id = this.text(name)
    const reason = idError(id)
    return reason === undefined ? id : this.#refuse(name, `is no id: ${reason}`)
  }

  /** `<cluster>-S<random>`: offers carry it in their ids (R14). */
  agentId(name: string): string {
    const id = this.text(name)
    const isSound = /^[A-Za-z0-9-]{1,64}-S[A-Za-z0-9]{1,64}$/.test(id)
    return isSound
      ? id
      : this.#refuse(name, 'is no agent id, which has the form <cluster>-S<letters and digits>')
  }

  role(name: string): string {
    const role = this.text(name)
    const reason = roleError(role)
    return reason === undefined ? role : this.#refuse(name, `is no role: ${reason}`)
  }

  state(name: string): TaskState {
    const state = this.text(name)
    // The set holds exactly the names of the type.
    return states.has(state) ? (state as TaskState) : this.#refuse(name, 'is no task state')
  }

  /** A whole number from 0 on. */
  count(name: string): number {
    const value = this.#get(name)
    const isCount = typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
    return isCount ? value : this.#refuse(name, 'must be a whole number from 0 on')
  }

  whole32(name: string): number {
    const value = this.#get(name)
    const isWhole = typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 2 ** 31
    return isWhole ? value : this.#refuse(name, 'must be a whole number')
  }

  object(name: string): Fields {
    return new Fields(this.#get(name), this.#at(name))
  }

  list<T>(name: string, most: number, read: (item: Fields) => T): readonly T[] {
    const value = this.#get(name)
    if (!Array.isArray(value)) return this.#refuse(name, 'must be a list')
    if (value.length > most) return this.#refuse(name, `has ${value.length} items, more than ${most}`)
    return value.map((item, index) => read(new Fields(item, `${this.#at(name)}[${index}]`)))
  }

  message<N extends MessageName>(name: string, typeName: N): MessageTypes[N] {
    return this.object(name).whole(typeName)
  }

  /** This object as a Mesos message. */
  whole<N extends MessageName>(typeName: N): MessageTypes[N] {
    const decoded = decodeJsonValue(typeName, this.#value)
    if (decoded.ok) return decoded.message
    throw new WireError(`In '${this.#path}': ${decoded.error}`)
  }

  resources(name: string): readonly Resource[] {
    const list = this.list(name, 10_000, (item) => item.whole('mesos.v1.Resource'))
    soundResources(list, this.#at(name))
    return list
  }

  #get(name: string): unknown {
    return Object.hasOwn(this.#value, name) ? this.#value[name] : undefined
  }

  #at(name: string): string {
    return this.#path === '' ? name : `${this.#path}.${name}`
  }

  #refuse(name: string, reason: string): never {
    throw new WireError(`Field '${this.#at(name)}' ${reason}`)
  }
}

function soundResources(resources: readonly Resource[], path: string): void {
  const reason = resourcesError(resources)
  if (reason !== undefined) throw new WireError(`In '${path}': ${reason}`)
}

/** Without recursion: what is nested a million deep must not end the process that measures it. */
function depthOf(value: unknown): number {
  let depth = 0
  let level: unknown[] = [value]
  while (level.length > 0 && depth <= MAX_DEPTH) {
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []))
    if (level.length > 0) depth++
  }
  return depth
}
