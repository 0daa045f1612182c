// Items as a table in memory keeps them: as they are, frozen, without the fields that no body would carry.

/** Objects that are frozen all the way down; what is made of them shares them. */
const whole = new WeakSet<object>()

/**
 * The same plain data, frozen. Parts without an undefined field are frozen in place, so whoever goes on changing what
 * was committed, or what was loaded, changes it for others too: a bug that shall be thrown at once. What two items have
 * in common stays one object, and what was once computed of it stays good (`oncePerFrozen`).
 */
export function kept<T>(value: T): T {
  if (typeof value !== 'object' || value === null || whole.has(value)) return value
  // What stands here has the shape of what it replaces.
  const result = (Array.isArray(value) ? keptList(value) : keptFields(value)) as T & object
  whole.add(Object.freeze(result))
  return result
}

function keptList(list: readonly unknown[]): readonly unknown[] {
  let copy: unknown[] | undefined
  for (let index = 0; index < list.length; index++) {
    const element = kept(list[index])
    if (element === list[index]) continue
    copy ??= [...list]
    copy[index] = element
  }
  return copy ?? list
}

function keptFields(fields: object): object {
  // Plain data: its keys are all there is to know of it.
  const before = fields as Readonly<Record<string, unknown>>
  let copy: Record<string, unknown> | undefined
  for (const key in before) {
    const value = before[key]
    const field = kept(value)
    if (field === value && value !== undefined) continue
    copy ??= { ...before }
    if (field === undefined) delete copy[key]
    else copy[key] = field
  }
  return copy ?? before
}
