// Who comes first: shares, weights, ties, nesting of roles.
import { describe, expect, test } from 'vitest'
import { sorter } from '../../../master/allocator/sorter.ts'

const TOTAL = { cpus: 100_000, mem: 1_000_000 }

describe('dominant shares', () => {
  test('the largest part of any resource counts', () => {
    const shares = sorter(TOTAL)
    for (const path of ['a', 'b']) shares.activate(path)
    shares.charge('a', { cpus: 10_000, mem: 10_000 })
    shares.charge('b', { cpus: 1_000, mem: 90_000 })
    expect(shares.share('a')).toBeCloseTo(0.1)
    expect(shares.share('b')).toBeCloseTo(0.09)
    expect(shares.order()).toEqual(['b', 'a'])
  })

  test('a resource the cluster has none of counts for nobody', () => {
    const shares = sorter(TOTAL)
    shares.activate('a')
    shares.charge('a', { gpus: 4_000 })
    expect(shares.share('a')).toBe(0)
  })

  test('the order follows each charge', () => {
    const shares = sorter(TOTAL)
    for (const path of ['a', 'b']) shares.activate(path)
    expect(shares.order()).toEqual(['a', 'b'])
    shares.charge('a', { cpus: 1_000 })
    expect(shares.order()).toEqual(['b', 'a'])
    shares.charge('b', { cpus: 2_000 })
    expect(shares.order()).toEqual(['a', 'b'])
  })

  test('a weight divides the share', () => {
    const shares = sorter(TOTAL, { heavy: 2 })
    for (const path of ['heavy', 'light']) shares.activate(path)
    shares.charge('heavy', { cpus: 10_000 })
    shares.charge('light', { cpus: 6_000 })
    expect(shares.order()).toEqual(['heavy', 'light'])
  })

  test('equal shares: served less often first, then by path', () => {
    const shares = sorter(TOTAL)
    for (const path of ['b', 'a', 'c']) shares.activate(path)
    shares.served('a')
    expect(shares.order()).toEqual(['b', 'c', 'a'])
  })

  test('names of things every object has are ordinary names', () => {
    const shares = sorter(TOTAL, {})
    shares.activate('constructor')
    shares.charge('constructor', { cpus: 1_000 })
    expect(shares.order()).toEqual(['constructor'])
    expect(shares.share('constructor')).toBeCloseTo(0.01)
  })
})

describe('the tree of roles', () => {
  test('siblings compete first, depth first', () => {
    const shares = sorter(TOTAL)
    for (const path of ['a/x', 'a/y', 'b']) shares.activate(path)
    shares.charge('a/x', { cpus: 5_000 })
    shares.charge('b', { cpus: 3_000 })
    // b holds less than all of a; below a, y holds less than x.
    expect(shares.order()).toEqual(['b', 'a/y', 'a/x'])
  })

  test('a role that is leaf and parent competes with its children as `.`', () => {
    const shares = sorter(TOTAL)
    for (const path of ['a', 'a/x']) shares.activate(path)
    shares.charge('a', { cpus: 5_000 })
    expect(shares.order()).toEqual(['a/x', 'a'])
    shares.charge('a/x', { cpus: 9_000 })
    expect(shares.order()).toEqual(['a', 'a/x'])
    expect(shares.share('a')).toBeCloseTo(0.14)
  })

  test('the weight of a parent is not that of its virtual leaf', () => {
    const shares = sorter(TOTAL, { a: 10 })
    for (const path of ['a', 'a/x']) shares.activate(path)
    shares.charge('a', { cpus: 2_000 })
    shares.charge('a/x', { cpus: 1_000 })
    expect(shares.order()).toEqual(['a/x', 'a'])
  })

  test('what an inactive leaf holds counts in its parents, and it is never served', () => {
    const shares = sorter(TOTAL)
    for (const path of ['a/x', 'b']) shares.activate(path)
    shares.charge('a/gone', { cpus: 10_000 })
    shares.charge('b', { cpus: 1_000 })
    expect(shares.order()).toEqual(['b', 'a/x'])
  })
})
