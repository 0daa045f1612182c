// C76: which agents a framework's constraints let through.
import { describe, expect, test } from 'vitest'
import { meetsConstraints } from '../../../master/allocator/offer-constraints.ts'
import type { SchedulerAttributeConstraint } from '../../../protocol/messages.ts'
import { entry } from './world.ts'

const AGENT = entry('a', {
  info: {
    hostname: 'a.example',
    domain: { fault_domain: { region: { name: 'west' }, zone: { name: 'west-1' } } },
    attributes: [
      { name: 'rack', type: 'TEXT', text: { value: 'r1' } },
      { name: 'rack', type: 'TEXT', text: { value: 'second' } },
      { name: 'size', type: 'SCALAR', scalar: { value: 3 } },
    ],
  },
})

type Predicate = SchedulerAttributeConstraint['predicate']

function passes(selector: SchedulerAttributeConstraint['selector'], predicate: Predicate): boolean {
  const groups = [{ attribute_constraints: [{ selector, predicate }] }]
  return meetsConstraints({ role_constraints: { x: { groups } } }, 'x', AGENT)
}

describe('predicates', () => {
  test.each<[string, Predicate, { text: boolean; other: boolean; none: boolean }]>([
    ['Exists', { exists: {} }, { text: true, other: true, none: false }],
    ['NotExists', { not_exists: {} }, { text: false, other: false, none: true }],
    ['TextEquals', { text_equals: { value: 'r1' } }, { text: true, other: true, none: false }],
    ['TextEquals of another', { text_equals: { value: 'r2' } }, { text: false, other: true, none: false }],
    ['TextNotEquals', { text_not_equals: { value: 'r1' } }, { text: false, other: true, none: true }],
    [
      'TextNotEquals of another',
      { text_not_equals: { value: 'r2' } },
      { text: true, other: true, none: true },
    ],
  ])('%s', (_, predicate, { text, other, none }) => {
    expect(passes({ attribute_name: 'rack' }, predicate)).toBe(text)
    expect(passes({ attribute_name: 'size' }, predicate)).toBe(other)
    expect(passes({ attribute_name: 'none' }, predicate)).toBe(none)
  })

  test('what cannot be read withholds', () => {
    expect(passes({ attribute_name: 'rack' }, { text_matches: { regex: '.*' } })).toBe(false)
    expect(passes({ attribute_name: 'rack' }, {})).toBe(false)
  })
})

test('host name, region and zone can be selected', () => {
  expect(passes({ pseudoattribute_type: 'HOSTNAME' }, { text_equals: { value: 'a.example' } })).toBe(true)
  expect(passes({ pseudoattribute_type: 'REGION' }, { text_equals: { value: 'west' } })).toBe(true)
  expect(passes({ pseudoattribute_type: 'ZONE' }, { text_equals: { value: 'west-1' } })).toBe(true)
})

test('one group must pass as a whole; a role without constraints has none', () => {
  const is = (name: string, value: string): SchedulerAttributeConstraint => ({
    selector: { attribute_name: name },
    predicate: { text_equals: { value } },
  })
  const meets = (role: string, ...groups: SchedulerAttributeConstraint[][]) =>
    meetsConstraints(
      { role_constraints: { x: { groups: groups.map((each) => ({ attribute_constraints: each })) } } },
      role,
      AGENT,
    )
  expect(meets('x', [is('rack', 'no')], [is('rack', 'r1')])).toBe(true)
  expect(meets('x', [is('rack', 'r1'), is('rack', 'no')])).toBe(false)
  expect(meets('y', [is('rack', 'no')])).toBe(true)
  expect(meets('toString', [is('rack', 'no')])).toBe(true)
})
