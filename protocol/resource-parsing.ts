// Reads resources as people write them: `cpus:4;mem:4096;ports(web):[31000-32000];zones:{a,b}`, or as JSON.

import { decodeJsonValue } from './codec.ts'
import type { Resource } from './messages.ts'
import { upgrade } from './resource-format.ts'
import { resourcesError } from './resource-validation.ts'
import { canonical, type Resources } from './resources.ts'
import { parseValue } from './value-text.ts'

export type ParsedResources =
  | { readonly ok: true; readonly resources: Resources }
  | { readonly ok: false; readonly error: string }

/**
 * Reads the text form or a JSON list of `Resource`, into the canonical list.
 *
 * A role in parentheses is a static reservation; what names none is reserved to `defaultRole`.
 */
export function parseResources(text: string, defaultRole = '*'): ParsedResources {
  const parsed = text.trimStart().startsWith('[') ? parseJsonForm(text) : parseTextForm(text)
  if (!parsed.ok) return parsed
  const resources = parsed.resources.map((resource) => upgrade(withDefaultRole(resource, defaultRole)))
  const error = resourcesError(resources) ?? typesError(resources)
  return error === undefined ? { ok: true, resources: canonical(resources) } : { ok: false, error }
}

function parseJsonForm(text: string): ParsedResources {
  let list: unknown
  try {
    list = JSON.parse(text)
  } catch (error) {
    return { ok: false, error: `Resources are not JSON: ${error instanceof Error ? error.message : error}` }
  }
  if (!Array.isArray(list)) return { ok: false, error: 'Resources in JSON must be an array' }
  const resources: Resource[] = []
  for (const [index, item] of list.entries()) {
    const decoded = decodeJsonValue('mesos.v1.Resource', item)
    if (!decoded.ok) return { ok: false, error: `Resource ${index + 1}: ${decoded.error}` }
    const error = resourcesError([decoded.message])
    if (error !== undefined) return { ok: false, error }
    resources.push(decoded.message)
  }
  return { ok: true, resources }
}

const pairForm = /^([^:()]+)(?:\(([^()]*)\))?\s*:(.*)$/s

function parseTextForm(text: string): ParsedResources {
  const resources: Resource[] = []
  for (const pair of text.split(/[;\n]/)) {
    if (pair.trim() === '') continue
    const parts = pairForm.exec(pair.trim())
    if (parts === null)
      return { ok: false, error: `Bad value for resources, missing or extra ':' in '${pair.trim()}'` }
    const [, name = '', role, valueText = ''] = parts
    const value = parseValue(valueText.trim())
    if (value === undefined || value.type === 'TEXT') {
      return { ok: false, error: `Bad type for resource ${name.trim()} value '${valueText.trim()}'` }
    }
    resources.push({ name: name.trim(), ...value, ...(role !== undefined && { role: role.trim() }) })
  }
  return { ok: true, resources }
}

function withDefaultRole(resource: Resource, role: string): Resource {
  const namesOne = resource.role !== undefined || resource.reservations !== undefined
  return namesOne || role === '*' ? resource : { ...resource, role }
}

/** One name is one kind of value, on an agent as in a cluster. */
function typesError(resources: Resources): string | undefined {
  const types = new Map<string, string>()
  for (const { name, type } of resources) {
    if ((types.get(name) ?? type) !== type)
      return `Resources of one name ('${name}') but different types are not allowed`
    types.set(name, type)
  }
  return undefined
}
