// Durations in the text form of flags and environment variables, `15mins`, and in the messages' nanoseconds.

import type { Duration, DurationInfo, Int64, TimeInfo } from './messages.ts'

const nanosecondsPerUnit = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  secs: 1_000_000_000n,
  mins: 60n * 1_000_000_000n,
  hrs: 3_600n * 1_000_000_000n,
  days: 86_400n * 1_000_000_000n,
  weeks: 604_800n * 1_000_000_000n,
} as const

type Unit = keyof typeof nanosecondsPerUnit

const form = /^(-?\d+)(?:\.(\d{1,18}))?(ns|us|ms|secs|mins|hrs|days|weeks)$/
const longest = 2n ** 63n - 1n

/** Reads `1.5hrs` and the like as nanoseconds; undefined if the text is no duration or does not fit 64 bits. */
export function parseDuration(text: string): Int64 | undefined {
  const parts = form.exec(text)
  if (parts === null) return undefined
  const [, whole = '', fraction = '', unit = ''] = parts
  // The pattern admits the names of units only.
  const scale = nanosecondsPerUnit[unit as Unit]
  const rest = (BigInt(fraction === '' ? 0 : fraction) * scale) / 10n ** BigInt(fraction.length)
  const total = BigInt(whole) * scale + (whole.startsWith('-') ? -rest : rest)
  return total > longest || total < -longest ? undefined : toInt64(total)
}

/** Reads a duration as milliseconds, for what is timed here. */
export function parseDurationMs(text: string): number | undefined {
  const nanoseconds = parseDuration(text)
  return nanoseconds === undefined ? undefined : Number(nanoseconds) / 1e6
}

/** Writes nanoseconds with the largest unit that needs at most three decimals: `15mins`, `1.5hrs`, `5secs`. */
export function formatDuration(nanoseconds: Int64): string {
  const total = BigInt(nanoseconds)
  if (total === 0n) return '0ns'
  const size = total < 0n ? -total : total
  for (const [unit, scale] of [...Object.entries(nanosecondsPerUnit)].reverse()) {
    if (size >= scale && (size * 1000n) % scale === 0n) return `${decimal(total, scale)}${unit}`
  }
  return `${total}ns`
}

function decimal(total: bigint, scale: bigint): string {
  const size = total < 0n ? -total : total
  const thousandths = String(((size % scale) * 1000n) / scale).padStart(3, '0')
  const fraction = thousandths.replace(/0+$/, '')
  return `${total < 0n ? '-' : ''}${size / scale}${fraction === '' ? '' : `.${fraction}`}`
}

/** A duration message as milliseconds. */
export function durationMs(duration: DurationInfo): number {
  return Number(duration.nanoseconds) / 1e6
}

/** Milliseconds as a duration message. */
export function durationInfo(ms: number): DurationInfo {
  return { nanoseconds: msToNanoseconds(ms) }
}

/** A moment, in milliseconds since 1970, as a time message. */
export function timeInfo(ms: number): TimeInfo {
  return { nanoseconds: msToNanoseconds(ms) }
}

/** A time message as milliseconds since 1970. */
export function timeMs(time: TimeInfo): number {
  return Number(time.nanoseconds) / 1e6
}

/** The grace period of DRAIN_AGENT, the one duration that comes in seconds and nanoseconds. */
export function fromGoogleDuration(duration: Duration): DurationInfo {
  const seconds = BigInt(duration.seconds ?? 0)
  return { nanoseconds: toInt64(seconds * 1_000_000_000n + BigInt(duration.nanos ?? 0)) }
}

function msToNanoseconds(ms: number): Int64 {
  const whole = Math.trunc(ms)
  return toInt64(BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1e6)))
}

function toInt64(value: bigint): Int64 {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
