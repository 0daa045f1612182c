// The tour as people run it: it ends with 0 only if each scene held, and leaves nothing behind, however it ends.
import { expect, test } from 'vitest'
import { CHAPTER } from '../../tour/chapter.ts'
import { runProgram } from './program.ts'
import { until } from './until.ts'

test('tells the whole chapter, holds all of it, and leaves nothing behind', {
  timeout: 240_000,
}, async () => {
  const tour = runProgram('tour/main.ts', [])
  const status = await tour.ended
  expect(tour.output()).toMatch(new RegExp(`${CHAPTER.length} of ${CHAPTER.length} held`))
  for (const { title, mesos, nomad } of CHAPTER)
    for (const text of [title, mesos, nomad]) expect(tour.output()).toContain(text)
  // No colours where no terminal is.
  expect(tour.output()).not.toContain('\u001B')
  expect(status).toBe(0)
  expect(await tour.leftBehind()).toEqual([])
})

test('Ctrl-C ends it and takes everything back', { timeout: 120_000 }, async () => {
  const tour = runProgram('tour/main.ts', [])
  await until('the first scene', () => tour.output().includes(CHAPTER[0]?.title ?? ''), 60_000)
  tour.child.kill('SIGINT')
  expect(await tour.ended).toBe(130)
  expect(tour.output()).toMatch(/stopped before the end; nothing of it is left/)
  expect(await tour.leftBehind()).toEqual([])
})
