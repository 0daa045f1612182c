// Items as a table in memory keeps them: as they are, frozen, without the fields that no body would carry.

/**
 * The same plain data, frozen all the way down, as whatever is frozen is here. Parts without an undefined field are frozen in place, so whoever goes on changing what
 * was committed, or what was loaded, changes it for others too: a bug that shall be thrown at once. What two items have
 * in common stays one object, and what was once computed of it stays good (`oncePerFrozen`).
 */
export function kept<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  // What stands here has the shape of what it replaces.
  return Object.freeze(Array.isArray(value) ? keptList(value) : keptFields(value)) as T
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
