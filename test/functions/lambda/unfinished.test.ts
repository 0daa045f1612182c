// A function waits for what it began before it is frozen.
import { expect, test } from 'vitest'
import { watched } from '../../../functions/lambda/unfinished.ts'
import { systemClock } from '../../../protocol/clock.ts'
import { memoryStore } from '../../../store/memory.ts'
import type { Store } from '../../../store/store.ts'

/** A store that takes its time. */
function slow(ms: number): { readonly store: Store; readonly committed: () => number } {
  const store = memoryStore({ clock: systemClock })
  let count = 0
  const later = () => new Promise<void>((resolve) => systemClock.after(ms, resolve))
  return {
    committed: () => count,
    store: {
      ...store,
      async get(...given) {
        await later()
        return await store.get(...given)
      },
      async commit(...given) {
        await later()
        count++
        return await store.commit(...given)
      },
    },
  }
}

test('with nothing under way it waits for nothing', async () => {
  const { finished } = watched(slow(1_000).store)
  const began = performance.now()
  await finished(systemClock)
  expect(performance.now() - began).toBeLessThan(200)
})

test('a write that begins steps after a read that nobody waits for is waited for', async () => {
  const { store: plain, committed } = slow(20)
  const { store, finished } = watched(plain)
  const note = async () => {
    await store.get('tick', {})
    for (let step = 0; step < 10; step++) await Promise.resolve()
    await store.commit([], 'token')
  }
  void note()
  await finished(systemClock)
  expect(committed()).toBe(1)
})

test('not for ever: an ailing table holds no answer up', async () => {
  const { store, finished } = watched(slow(5_000).store)
  void store.get('tick', {})
  const began = performance.now()
  await finished(systemClock)
  expect(performance.now() - began).toBeLessThan(2_000)
})

test('a failure that nobody waits for stays its owner’s', async () => {
  const failing: Store = {
    ...memoryStore({ clock: systemClock }),
    get: async () => Promise.reject(new Error('away')),
  }
  const { store, finished } = watched(failing)
  const read = store.get('tick', {})
  await finished(systemClock)
  await expect(read).rejects.toThrow('away')
})
