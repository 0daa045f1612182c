// Bells, ids, log: the small ports of one process.
import { describe, expect, test } from 'vitest'
import { inProcessBells } from '../../../functions/ports/bells.ts'
import { randomIds } from '../../../functions/ports/ids.ts'
import { jsonLog } from '../../../functions/ports/log.ts'
import { systemClock } from '../../../protocol/clock.ts'

describe('bells', () => {
  const bells = inProcessBells(systemClock)

  test('a ring wakes everybody who waits at that bell, and nobody else', async () => {
    const woken: string[] = []
    const waits = ['a', 'a', 'b'].map((name) => bells.wait(name, 50).then(() => woken.push(name)))
    bells.ring('a')
    await waits[1]
    expect(woken).toEqual(['a', 'a'])
    await Promise.all(waits)
    expect(woken).toEqual(['a', 'a', 'b'])
  })

  test('waiting ends with its time, and with its signal', async () => {
    await bells.wait('c', 1)
    const stop = new AbortController()
    const wait = bells.wait('c', 60_000, stop.signal)
    stop.abort()
    await wait
    await bells.wait('c', 60_000, stop.signal)
  })
})

test('ids are path safe, of their length, and not repeated', () => {
  const ids = Array.from({ length: 1_000 }, () => randomIds.random())
  expect(new Set(ids).size).toBe(1_000)
  for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9]{22}$/)
  expect(randomIds.uuid()).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
})

test('the log writes one JSON line for each event', () => {
  const lines: string[] = []
  const log = jsonLog({ destination: { write: (line) => void lines.push(line) } })
  log.warn('nudge lost', { agentId: 'S1' })
  expect(lines).toHaveLength(1)
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'warn', event: 'nudge lost', agentId: 'S1' })
})
