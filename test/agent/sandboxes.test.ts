// Sandboxes go when their time has come, never while something of theirs is on record (F91).
import { existsSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { movedClock } from '../moved-clock.ts'
import { startWorld, until, type World } from './agent-process.ts'
import { wanted } from './tasks.ts'

let world: World
const clock = movedClock()
afterEach(async () => {
  await world.close()
})

test('F91: an ended task’s sandbox is collected after its delay, a running one’s never', async () => {
  world = await startWorld({ gcDelayMs: 600_000, clock })
  const { controlPlane, workDir } = world
  controlPlane.want([wanted('over', 'echo done'), wanted('runs', 'sleep 1000')])
  await until(() => controlPlane.states('over').length === 3 && controlPlane.states('runs').length === 2)
  const folder = (id: string) => `${workDir}/slaves/m-S1/frameworks/f/executors/${id}`
  await clock.advance(60_000, { stepMs: 5_000 })
  expect(existsSync(folder('over'))).toBe(true)
  await clock.advance(660_000, { stepMs: 5_000 })
  await until(() => !existsSync(folder('over')))
  expect(existsSync(folder('runs'))).toBe(true)
})
