// How much of an agent's description may change between two starts (F33): nothing, or what only makes it more.
import { describe, expect, test } from 'vitest'
import { identityProblem } from '../../agent/identity.ts'
import { parseAttributes } from '../../protocol/attributes.ts'
import type { AgentInfo, DomainInfo } from '../../protocol/messages.ts'
import { parseResources } from '../../protocol/resource-parsing.ts'

const BEFORE = about(
  'cpus:4;mem:1024;ports:[31000-31099];disks:{a,b}',
  'rack:one;cores:8;lanes:[1-4]',
  zone('r', 'z'),
)

/** What is changed, whether `additive` takes it, and what is said. `equal` takes none of them. */
const CHANGES: readonly [string, AgentInfo, 'additive' | undefined, RegExp][] = [
  [
    'more of a scalar',
    more({ resources: 'cpus:8;mem:1024;ports:[31000-31099];disks:{a,b}' }),
    'additive',
    /resources/,
  ],
  [
    'less of a scalar',
    more({ resources: 'cpus:2;mem:1024;ports:[31000-31099];disks:{a,b}' }),
    undefined,
    /resources/,
  ],
  ['a resource gone', more({ resources: 'cpus:4;ports:[31000-31099];disks:{a,b}' }), undefined, /resources/],
  [
    'a new resource',
    more({ resources: 'cpus:4;mem:1024;ports:[31000-31099];disks:{a,b};gpus:1' }),
    'additive',
    /resources/,
  ],
  [
    'wider ranges',
    more({ resources: 'cpus:4;mem:1024;ports:[31000-31999];disks:{a,b}' }),
    'additive',
    /resources/,
  ],
  [
    'narrower ranges',
    more({ resources: 'cpus:4;mem:1024;ports:[31000-31050];disks:{a,b}' }),
    undefined,
    /resources/,
  ],
  [
    'a larger set',
    more({ resources: 'cpus:4;mem:1024;ports:[31000-31099];disks:{a,b,c}' }),
    'additive',
    /resources/,
  ],
  [
    'a smaller set',
    more({ resources: 'cpus:4;mem:1024;ports:[31000-31099];disks:{a}' }),
    undefined,
    /resources/,
  ],
  ['another text', more({ attributes: 'rack:two;cores:8;lanes:[1-4]' }), undefined, /attribute/],
  ['an attribute gone', more({ attributes: 'rack:one;cores:8' }), undefined, /attribute/],
  ['a new attribute', more({ attributes: 'rack:one;cores:8;lanes:[1-4];ssd:yes' }), 'additive', /attributes/],
  ['a larger attribute', more({ attributes: 'rack:one;cores:16;lanes:[1-8]' }), 'additive', /attributes/],
  ['a smaller attribute', more({ attributes: 'rack:one;cores:4;lanes:[1-4]' }), undefined, /attribute/],
  ['another zone', more({ domain: zone('r', 'y') }), undefined, /zone z of region r before and is in zone y/],
  [
    'no zone any more',
    more({ domain: undefined }),
    undefined,
    /zone z of region r before and is in no fault domain/,
  ],
  ['another name', { ...BEFORE, hostname: 'other' }, undefined, /was h before and is other now/],
]

describe('F33: of the description of an agent', () => {
  test.each(CHANGES)('%s', (_, now, taken, said) => {
    expect(identityProblem(BEFORE, now, 'equal')).toMatch(said)
    if (taken === 'additive') expect(identityProblem(BEFORE, now, 'additive')).toBeUndefined()
    else expect(identityProblem(BEFORE, now, 'additive')).toBeDefined()
  })

  test('nothing: both policies take it, in any order of resources and attributes', () => {
    const turned = about(
      'disks:{b,a};ports:[31000-31050,31051-31099];mem:1024;cpus:4',
      'lanes:[1-4];cores:8;rack:one',
      zone('r', 'z'),
    )
    for (const policy of ['equal', 'additive'] as const) {
      expect(identityProblem(BEFORE, turned, policy)).toBeUndefined()
    }
  })

  test('a zone for one that had none: additive takes it', () => {
    const { domain: _, ...bare } = BEFORE
    expect(identityProblem(bare, BEFORE, 'equal')).toMatch(/no fault domain before/)
    expect(identityProblem(bare, BEFORE, 'additive')).toBeUndefined()
  })
})

function about(resources: string, attributes: string, domain: DomainInfo | undefined): AgentInfo {
  const [parsed, named] = [parseResources(resources), parseAttributes(attributes)]
  if (!parsed.ok || !named.ok) throw new Error('the test names what cannot be read')
  return { hostname: 'h', resources: parsed.resources, attributes: named.attributes, domain }
}

function more(change: {
  resources?: string
  attributes?: string
  domain?: DomainInfo | undefined
}): AgentInfo {
  const { resources = [], attributes = [] } = BEFORE
  const made = about(change.resources ?? '', change.attributes ?? '', undefined)
  return {
    ...BEFORE,
    resources: change.resources === undefined ? resources : (made.resources ?? []),
    attributes: change.attributes === undefined ? attributes : (made.attributes ?? []),
    ...('domain' in change ? { domain: change.domain } : {}),
  }
}

function zone(region: string, name: string): DomainInfo {
  return { fault_domain: { region: { name: region }, zone: { name } } }
}
