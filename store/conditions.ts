// The conditions a change can carry: each has a name and a sentence, and is both an expression and a predicate.

import type { Change } from '../master/decision.ts'
import { assert } from './assert.ts'
import type { Attribute, Row, Scalar } from './rows.ts'

/** What a rule compares with: values of the change, and the time in seconds since 1970. */
export type Argument = 'version' | 'now' | 'epoch' | 'removed' | 'tag' | 'holder' | 'fence'
export type Arguments = Readonly<Partial<Record<Argument, Scalar>>>

type Test = Leaf | { readonly test: 'all' | 'any'; readonly of: readonly Test[] }

type Leaf =
  | { readonly test: 'missing' }
  | { readonly test: 'equal' | 'below'; readonly attribute: Attribute; readonly argument: Argument }

export interface Rule {
  /** Of the condition in master/decision.ts. */
  readonly name: Change['when']['name']
  /** When the change may happen, as a sentence. */
  readonly sentence: string
  /** DynamoDB's ConditionExpression; absent: no condition. */
  readonly expression?: string | undefined
  readonly names: Readonly<Record<string, string>>
  /** Arguments the expression mentions, as `:argument`. */
  readonly arguments: readonly Argument[]
  holds(stored: Row | undefined, args: Arguments): boolean
}

const missing: Test = { test: 'missing' }
const equal = (attribute: Attribute & Argument): Test => ({ test: 'equal', attribute, argument: attribute })
const below = (attribute: Attribute, argument: Argument): Test => ({ test: 'below', attribute, argument })
const any = (...of: Test[]): Test => ({ test: 'any', of })
const all = (...of: Test[]): Test => ({ test: 'all', of })

export const UNCHANGED = rule('unchanged', 'the stored item is the one that was loaded', equal('version'))

/** For `absent`, and for `unchanged` of an item that has not been written yet. */
export const NONE = rule('absent', 'there is no such item', missing)

/** The same for kinds that expire: what is past its ttl is as good as deleted, the table only has not done it yet. */
export const NONE_ALIVE = rule(
  'absent',
  'there is no such item, or only one that is past its ttl',
  any(missing, below('ttl', 'now')),
)

export const ANYTHING = rule('anything', 'whatever is there', undefined)

export const SAME_EPOCH = rule(
  'epoch',
  'the gate is at this epoch and its framework is not removed',
  all(equal('epoch'), equal('removed')),
)

/** A gate that was never written counts as below every epoch. */
export const RAISES = rule(
  'raises',
  'the gate is below the epoch it is given',
  any(missing, below('epoch', 'epoch')),
)

export const SAME_TAG = rule('tag', 'the mail is exactly the version that was said', equal('tag'))

export const STILL_HELD = rule(
  'held',
  'the lease is still of this holder and epoch',
  all(equal('holder'), equal('epoch')),
)

export const SAME_FENCE = rule('fence', 'the allocation lease still has this fence', equal('fence'))

/** Every rule, for tests and documents. */
export const RULES: readonly Rule[] = [
  UNCHANGED,
  NONE,
  NONE_ALIVE,
  ANYTHING,
  SAME_EPOCH,
  RAISES,
  SAME_TAG,
  STILL_HELD,
  SAME_FENCE,
]

/** The rule of a change and what it compares with. `expires`: items of this kind can have a ttl. */
export function ruleOf(
  change: Change,
  options: { readonly expires: boolean; readonly nowSeconds: number },
): { readonly rule: Rule; readonly args: Arguments } {
  const { when } = change
  const none = options.expires
    ? { rule: NONE_ALIVE, args: { now: options.nowSeconds } }
    : { rule: NONE, args: {} }
  switch (when.name) {
    case 'unchanged': {
      const version = change.item.version
      assert(
        version !== undefined,
        () => `a ${change.do} of a ${change.kind} that must be unchanged needs the version that was loaded`,
      )
      return version === 0 ? none : { rule: UNCHANGED, args: { version } }
    }
    case 'absent':
      return none
    case 'anything':
      return { rule: ANYTHING, args: {} }
    case 'epoch':
      return { rule: SAME_EPOCH, args: { epoch: when.epoch, removed: false } }
    case 'raises':
      return { rule: RAISES, args: { epoch: when.epoch } }
    case 'tag':
      return { rule: SAME_TAG, args: { tag: when.tag } }
    case 'held':
      return { rule: STILL_HELD, args: { holder: when.holder, epoch: when.epoch } }
    case 'fence':
      return { rule: SAME_FENCE, args: { fence: when.fence } }
  }
}

function rule(name: Rule['name'], sentence: string, test: Test | undefined): Rule {
  const tests = test === undefined ? [] : leaves(test)
  return {
    name,
    sentence,
    expression: test === undefined ? undefined : written(test),
    names: Object.fromEntries(
      tests.map((leaf) => (leaf.test === 'missing' ? ['#pk', 'pk'] : [`#${leaf.attribute}`, leaf.attribute])),
    ),
    arguments: [...new Set(tests.flatMap((leaf) => (leaf.test === 'missing' ? [] : [leaf.argument])))],
    holds: (stored, args) => test === undefined || holds(test, stored, args),
  }
}

function leaves(test: Test): Leaf[] {
  return 'of' in test ? test.of.flatMap(leaves) : [test]
}

/** Aliases throughout: several of the names are reserved words. */
function written(test: Test): string {
  switch (test.test) {
    case 'missing':
      return 'attribute_not_exists(#pk)'
    case 'equal':
      return `#${test.attribute} = :${test.argument}`
    case 'below':
      return `#${test.attribute} < :${test.argument}`
    case 'all':
      return test.of.map(written).join(' AND ')
    case 'any':
      return test.of.map(written).join(' OR ')
  }
}

function holds(test: Test, stored: Row | undefined, args: Arguments): boolean {
  switch (test.test) {
    case 'missing':
      return stored === undefined
    case 'equal':
      return stored?.[test.attribute] !== undefined && stored[test.attribute] === args[test.argument]
    case 'below':
      return lower(stored?.[test.attribute], args[test.argument])
    case 'all':
      return test.of.every((one) => holds(one, stored, args))
    case 'any':
      return test.of.some((one) => holds(one, stored, args))
  }
}

/** As in DynamoDB, what is missing or of another type is not lower. */
function lower(stored: Scalar | undefined, than: Scalar | undefined): boolean {
  return typeof stored === 'number' && typeof than === 'number' && stored < than
}
