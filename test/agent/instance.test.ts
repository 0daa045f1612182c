// Where an agent finds itself: instance metadata with its tokens, attributes and fault domain, and no metadata at all.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findInstance } from '../../agent/instance.ts'
import { instanceMetadata } from '../../agent/metadata.ts'
import { whereabouts } from '../../agent/whereabouts.ts'
import { systemClock } from '../../protocol/clock.ts'
import { FakeMetadata } from './metadata-fake.ts'

let fake: FakeMetadata
let now = 0
const clock = { ...systemClock, now: () => now }
beforeEach(async () => {
  now = 1_760_000_000_000
  fake = await new FakeMetadata().serve()
})
afterEach(() => fake.close())

const metadata = () => instanceMetadata({ clock, endpoint: fake.url })
const find = (look: 'off' | 'auto' | 'require') => findInstance(look, { metadata: metadata(), clock })

/** As `readFlags` gives them when nothing was said. */
const UNSAID = {
  ip: undefined,
  hostname: undefined,
  attributes: [],
  domain: undefined,
  instanceId: undefined,
}
const text = (name: string, value: string) => ({ name, type: 'TEXT' as const, text: { value } })

describe('metadata', () => {
  test('A21 a value is asked for with a token, and many with the same', async () => {
    const one = metadata()
    const paths = ['instance-id', 'instance-type', 'placement/region']
    expect(await Promise.all(paths.map((path) => one.get(path)))).toEqual([
      'i-0123456789abcdef0',
      'm7g.large',
      'eu-west-1',
    ])
    expect(await one.get('instance-id')).toBe('i-0123456789abcdef0')
    expect(fake.tokens).toBe(1)
  })

  test('what is not there is undefined', async () => {
    expect(await metadata().get('spot/instance-action')).toBeUndefined()
  })

  test('a token is renewed when it is refused, and long before it ends', async () => {
    const one = metadata()
    await one.get('instance-id')
    fake.forgetTokens()
    expect(await one.get('instance-id')).toBe('i-0123456789abcdef0')
    expect(fake.tokens).toBe(2)
    now += 4 * 3_600_000
    await one.get('instance-id')
    expect(fake.tokens).toBe(3)
  })

  test('a token that could not be had is asked for anew', async () => {
    const { url } = fake
    fake.close()
    const one = instanceMetadata({ clock, endpoint: url })
    await expect(one.get('instance-id')).rejects.toThrow()
    const other = await new FakeMetadata().serve()
    const switching = instanceMetadata({
      clock,
      endpoint: url,
      fetch: (where, init) => fetch(String(where).replace(url, other.url), init),
    })
    expect(await switching.get('instance-id')).toBe('i-0123456789abcdef0')
    other.close()
  })
})

describe('the instance', () => {
  test('gives the agent its attributes, fault domain, address and name', async () => {
    expect(whereabouts(UNSAID, await find('require'))).toEqual({
      ip: '127.0.0.1',
      hostname: 'ip-10-0-0-1.eu-west-1.compute.internal',
      attributes: [
        text('zone', 'eu-west-1b'),
        text('region', 'eu-west-1'),
        text('instance_type', 'm7g.large'),
        text('lifecycle', 'spot'),
        text('architecture', process.arch),
      ],
      domain: { fault_domain: { region: { name: 'eu-west-1' }, zone: { name: 'eu-west-1b' } } },
      instanceId: 'i-0123456789abcdef0',
    })
  })

  test('what an operator says wins, attribute by attribute', async () => {
    const said = {
      ip: '127.0.0.2',
      hostname: 'a',
      attributes: [text('zone', 'mine'), text('rack', 'r')],
      domain: { fault_domain: { region: { name: 'x' }, zone: { name: 'y' } } },
      instanceId: 'i-1',
    }
    const where = whereabouts(said, await find('require'))
    expect(where).toMatchObject({ ip: '127.0.0.2', hostname: 'a', domain: said.domain, instanceId: 'i-1' })
    expect(where.attributes.filter(({ name }) => name === 'zone')).toEqual([text('zone', 'mine')])
    expect(where.attributes.map(({ name }) => name)).toContain('region')
  })

  test('that says nothing of a life cycle is on demand; one without a zone is in no fault domain', async () => {
    fake.values.delete('instance-life-cycle')
    fake.values.delete('placement/availability-zone')
    const { attributes, domain } = whereabouts(UNSAID, await find('auto'))
    expect(attributes).toContainEqual(text('lifecycle', 'on-demand'))
    expect(attributes.map(({ name }) => name)).not.toContain('zone')
    expect(domain).toBeUndefined()
  })

  test('with several names goes by the first', async () => {
    fake.values.set('local-hostname', 'a.internal b.internal')
    expect((await find('auto'))?.hostname).toBe('a.internal')
  })
})

describe('no instance', () => {
  test('off: nobody is asked', async () => {
    expect(await find('off')).toBeUndefined()
    expect(fake.tokens).toBe(0)
    expect(whereabouts(UNSAID, undefined)).toMatchObject({ ip: '127.0.0.1', hostname: 'localhost' })
  })

  test.each(['nobody listens', 'nobody answers'])('%s: auto goes on, require says so', async (how) => {
    if (how === 'nobody answers') fake.isStuck = true
    const endpoint = fake.url
    if (how === 'nobody listens') fake.close()
    const options = { metadata: instanceMetadata({ clock, endpoint }), clock: systemClock }
    const before = performance.now()
    expect(await findInstance('auto', options)).toBeUndefined()
    // A second, and what a busy machine adds to it.
    expect(performance.now() - before).toBeLessThan(4_000)
    await expect(findInstance('require', options)).rejects.toThrow('metadata of this EC2 instance cannot be')
  })

  test('metadata of another cloud, without an instance id, is none', async () => {
    fake.values.delete('instance-id')
    expect(await find('auto')).toBeUndefined()
  })
})
