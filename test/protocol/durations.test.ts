// Durations in text and in messages.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  durationInfo,
  durationMs,
  formatDuration,
  fromGoogleDuration,
  parseDuration,
  parseDurationMs,
  timeInfo,
  timeMs,
} from '../../protocol/durations.ts'

test.each([
  ['15mins', 900_000_000_000],
  ['5secs', 5_000_000_000],
  ['1.5hrs', 5_400_000_000_000],
  ['0ns', 0],
  ['10us', 10_000],
  ['250ms', 250_000_000],
  ['2days', 172_800_000_000_000],
  ['-0.5secs', -500_000_000],
  ['3weeks', 1_814_400_000_000_000],
  ['200weeks', 120_960_000_000_000_000n],
] as const)('%s is %d nanoseconds and back', (text, nanoseconds) => {
  expect(parseDuration(text)).toBe(nanoseconds)
  expect(parseDuration(formatDuration(nanoseconds))).toBe(nanoseconds)
})

test.each(['', '5', '5 secs', 'secs', '5s', '1e3secs', '.5secs', '5secs ', '16000weeks'])(
  '%j is no duration',
  (text) => {
    expect(parseDuration(text)).toBeUndefined()
  },
)

test.each([
  [900_000_000_000, '15mins'],
  [5_000_000_000, '5secs'],
  [5_400_000_000_000, '1.5hrs'],
  [604_800_000_000_000, '1weeks'],
  [1, '1ns'],
  [-1_500_000, '-1.5ms'],
])('%d nanoseconds are written %s', (nanoseconds, text) => {
  expect(formatDuration(nanoseconds)).toBe(text)
})

test('what is written reads back exactly', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (nanoseconds) => {
      expect(parseDuration(formatDuration(nanoseconds))).toBe(nanoseconds)
    }),
  )
})

test('messages hold nanoseconds, we reckon in milliseconds', () => {
  expect(parseDurationMs('1.5secs')).toBe(1500)
  expect(durationInfo(1500)).toEqual({ nanoseconds: 1_500_000_000 })
  expect(durationMs({ nanoseconds: 1_500_000_000 })).toBe(1500)
  expect(timeInfo(1_700_000_000_123)).toEqual({ nanoseconds: 1_700_000_000_123_000_000n })
  expect(timeMs(timeInfo(1_700_000_000_123))).toBe(1_700_000_000_123)
  expect(fromGoogleDuration({ seconds: 2, nanos: 5 })).toEqual({ nanoseconds: 2_000_000_005 })
})
