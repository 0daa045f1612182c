// Access control lists in the shape of Mesos's `acls.json`: read and checked once, then asked for each action.

/** Whom or what one rule speaks of. A rule matches what NONE names, and refuses it. */
export type Entity =
  | { readonly type: 'ANY' | 'NONE' }
  | { readonly type: 'SOME'; readonly values: readonly string[] }

export interface Rule {
  readonly subjects: Entity
  readonly objects: Entity
}

/** The actions that exist here, and the field that names their objects, both as in Mesos; `call_meseta` is our own. */
export const OBJECTS = {
  register_frameworks: 'roles',
  run_tasks: 'users',
  teardown_frameworks: 'framework_principals',
  get_endpoints: 'paths',
  view_frameworks: 'users',
  view_tasks: 'users',
  view_executors: 'users',
  view_roles: 'roles',
  access_mesos_logs: 'logs',
  view_flags: 'flags',
  set_log_level: 'level',
  mark_agents_gone: 'agents',
  drain_agents: 'agents',
  deactivate_agents: 'agents',
  reactivate_agents: 'agents',
  call_meseta: 'calls',
} as const

/** Calls of `POST /api/v1/meseta` that belong to no framework; `FAULTS` are those of `meseta dev`. */
export const GUARDED_CALLS = [
  'LIST_DEAD_LETTERS',
  'SHOW_DEAD_LETTER',
  'REDRIVE_DEAD_LETTERS',
  'RESTORED',
  'FAULTS',
] as const

/** Paths that rules can speak of, as in Mesos; the others are closed by what they show. */
export const ASKED_PATHS = ['/files/debug', '/metrics/snapshot'] as const

/** Objects that have no names: rules say ANY or NONE of them. */
const NAMELESS: ReadonlySet<string> = new Set(['logs', 'flags', 'level'])

const NAMES: Readonly<Partial<Record<Action, readonly string[]>>> = {
  get_endpoints: ASKED_PATHS,
  call_meseta: GUARDED_CALLS,
}

/** Mesos asks these of its agents, or at their doors; here they would be read and close nothing. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  register_agents: 'agents are known by the role of their instance, not by a principal',
  access_sandboxes: 'sandboxes are served by agents, which ask nobody',
}

export type Action = keyof typeof OBJECTS

export interface Acls {
  /** What holds where no rule matches; true unless said otherwise. */
  readonly permissive: boolean
  readonly rules: Readonly<Partial<Record<Action, readonly Rule[]>>>
}

export type ParsedAcls =
  | { readonly ok: true; readonly acls: Acls }
  | { readonly ok: false; readonly error: string }

/**
 * Whether `principal` may do `action` to `object`: the first rule that matches both decides, else `permissive`; without
 * lists everybody may.
 * Without a principal, or an object, only rules that speak of ANY or NONE match, as in Mesos's local authorizer.
 */
export function allowed(
  acls: Acls | undefined,
  action: Action,
  principal: string | undefined,
  object: string | undefined,
): boolean {
  if (acls === undefined) return true
  for (const { subjects, objects } of acls.rules[action] ?? []) {
    if (!matches(subjects, principal) || !matches(objects, object)) continue
    return subjects.type !== 'NONE' && objects.type !== 'NONE'
  }
  return acls.permissive
}

function matches(entity: Entity, value: string | undefined): boolean {
  return entity.type !== 'SOME' || (value !== undefined && entity.values.includes(value))
}

/** Reads `acls.json`. What is not known is an error: a rule that is misspelt must not leave a door open. */
export function parseAcls(json: string): ParsedAcls {
  return parsed(() => aclsOf(JSON.parse(json)))
}

/** The same of a value that was read already. */
export function readAcls(value: unknown): ParsedAcls {
  return parsed(() => aclsOf(value))
}

function parsed(read: () => Acls): ParsedAcls {
  try {
    return { ok: true, acls: read() }
  } catch (error) {
    return { ok: false, error: `ACLs: ${error instanceof Error ? error.message : String(error)}` }
  }
}

function aclsOf(value: unknown): Acls {
  const { permissive = true, ...lists } = record(value, 'the file')
  if (typeof permissive !== 'boolean') throw new Error('"permissive" is true or false')
  const rules: Partial<Record<Action, readonly Rule[]>> = {}
  for (const [action, list] of Object.entries(lists)) {
    if (!isAction(action)) throw new Error(unknownAction(action))
    if (!Array.isArray(list)) throw new Error(`"${action}" is a list of rules`)
    rules[action] = list.map((entry: unknown, index) => rule(entry, action, `${action}[${index}]`))
  }
  return { permissive, rules }
}

function unknownAction(name: string): string {
  const why = Object.hasOwn(ELSEWHERE, name) ? ELSEWHERE[name] : undefined
  return why === undefined
    ? `"${name}" is no action of this cluster; remove it`
    : `"${name}" cannot be asked for here: ${why}; remove it`
}

function isAction(name: string): name is Action {
  return Object.hasOwn(OBJECTS, name)
}

function rule(entry: unknown, action: Action, where: string): Rule {
  const { principals, [OBJECTS[action]]: objects, ...others } = record(entry, where)
  const [other] = Object.keys(others)
  if (other !== undefined) {
    throw new Error(`${where} has a field "${other}"; it takes "principals" and "${OBJECTS[action]}"`)
  }
  return {
    subjects: entity(principals, `${where}.principals`),
    objects: named(entity(objects, `${where}.${OBJECTS[action]}`), action, `${where}.${OBJECTS[action]}`),
  }
}

/** A name that is never asked about would match nothing, whatever its rule wants. */
function named(objects: Entity, action: Action, where: string): Entity {
  if (objects.type !== 'SOME') return objects
  if (NAMELESS.has(OBJECTS[action])) throw new Error(`${where} has "type": "ANY" or "NONE", and no values`)
  const names = NAMES[action]
  const foreign = objects.values.find((value) => names !== undefined && !names.includes(value))
  if (foreign === undefined) return objects
  throw new Error(`${where} has "${foreign}"; there are ${names?.join(', ')}`)
}

function entity(value: unknown, where: string): Entity {
  const { type = 'SOME', values = [], ...others } = record(value, where)
  const [other] = Object.keys(others)
  if (other !== undefined) throw new Error(`${where} has a field "${other}"; it takes "type" and "values"`)
  if (!Array.isArray(values) || !values.every((one) => typeof one === 'string')) {
    throw new Error(`${where}.values is a list of texts`)
  }
  if (type !== 'ANY' && type !== 'NONE' && type !== 'SOME') {
    throw new Error(`${where}.type is ANY, NONE or SOME`)
  }
  if (type === 'SOME') {
    if (values.length === 0)
      throw new Error(`${where} names nobody: give "values", or "type": "ANY" or "NONE"`)
    return { type, values }
  }
  if (values.length > 0) throw new Error(`${where} says ${type} and has values: give one of them`)
  return { type }
}

function record(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error(`${where} is an object`)
  }
  return { ...value }
}
