// Which ids and roles are sound, and how roles nest. Ids become directory names on agents.

/** Ids are at most this long, in bytes of UTF-8. */
const maxIdBytes = 255

/** What is wrong with an id of a task, executor, framework, agent or volume; undefined if nothing is. */
export function idError(id: string): string | undefined {
  if (id === '') return 'ID must not be empty'
  if (Buffer.byteLength(id) > maxIdBytes) return `ID must not be greater than ${maxIdBytes} characters`
  if (id === '.' || id === '..') return `'${id}' is disallowed`
  return forbiddenInId.test(id) ? `'${printable(id)}' contains invalid characters` : undefined
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
const forbiddenInId = /[\u0000-\u001f\u007f/\\]/

/** What is wrong with a role; undefined if nothing is. `*` is sound. */
export function roleError(role: string): string | undefined {
  if (role === '*') return undefined
  if (role === '') return 'Role names cannot be the empty string'
  if (role.startsWith('/')) return `Role '${printable(role)}' cannot start with a slash`
  if (role.endsWith('/')) return `Role '${printable(role)}' cannot end with a slash`
  if (role.includes('//')) return `Role '${printable(role)}' cannot contain two adjacent slashes`
  for (const component of role.split('/')) {
    const reason = componentError(component)
    if (reason !== undefined)
      return `Role component '${printable(component)}' is invalid because it ${reason}`
  }
  return undefined
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
const forbiddenInRole = /[\u0009-\u000d \u007f]/

function componentError(component: string): string | undefined {
  if (component === '*' || component === '.' || component === '..') return `is '${component}'`
  if (component.startsWith('-')) return 'starts with a dash'
  return forbiddenInRole.test(component) ? 'contains backspace or whitespace' : undefined
}

/** The roles above a role, the nearest first: `a/b/c` has `a/b` and `a`. */
export function ancestors(role: string): string[] {
  const components = role.split('/')
  return components.slice(1).map((_, index) => components.slice(0, components.length - 1 - index).join('/'))
}

/** True for `a/b` below `a`, at any depth; a role is not below itself. */
export function isStrictSubroleOf(role: string, ancestor: string): boolean {
  return role.startsWith(`${ancestor}/`)
}

/** Quotes control characters, so that a sentence stays one line. */
function printable(text: string): string {
  return JSON.stringify(text).slice(1, -1).replaceAll('\\\\', '\\').replaceAll('\\"', '"')
}
