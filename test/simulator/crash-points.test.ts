// A process dies at each place of each handler, before and after its call; the cluster converges each time.
import { expect, test } from 'vitest'
import { pairs, placesOf, singles } from './crash-points.ts'
import { onAllCores } from './workers.ts'

/** Every kind of work that the scenario must come to, or places are missing. */
const WORK = [
  ...[
    'SUBSCRIBE',
    'ACCEPT',
    'DECLINE',
    'REVIVE',
    'SUPPRESS',
    'KILL',
    'RECONCILE',
    'ACKNOWLEDGE',
    'TEARDOWN',
  ].map((type) => `scheduler ${type}`),
  ...['REGISTER', 'SYNC', 'UPDATES'].map((type) => `agent ${type}`),
  ...['reader', 'allocator', 'heartbeats', 'detector'],
]

test('F62: handlers may die at every call they make, before and after', {
  timeout: 900_000,
}, async () => {
  const places = await placesOf()
  expect(WORK.filter((work) => !places.all.some((place) => place.startsWith(`${work}:`)))).toEqual([])
  expect(
    places.all.some((place) => place.startsWith('scheduler ACCEPT:') && place.includes('put hold')),
  ).toBe(true)
  const crashes = singles(places)
  const failed: string[] = []
  let index = 0
  const jobs = crashes.map((at) => ({ job: 'crash point', at }) as const)
  for await (const { result } of onAllCores(jobs, undefined, 'when idle')) {
    const [crash] = crashes[index++] ?? []
    if (result.violation !== undefined)
      failed.push(
        [`${crash?.when} ${crash?.place}`, result.violation.text, ...result.violation.story].join('\n'),
      )
    else if (result.reached === 0) failed.push(`${crash?.when} ${crash?.place} was not come to`)
  }
  expect(failed).toEqual([])
})

test('pairs are bounded and spread', () => {
  const found = pairs(['a', 'b', 'c'], 5)
  expect(found).toHaveLength(5)
  expect(new Set(found.map((pair) => pair.map(({ place }) => place).join())).size).toBe(5)
})
