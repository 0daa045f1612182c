// Numbers that only grow, also over a restore of the table: the timeline stands in their high digits.

/** Room for counting within one timeline; 10^10 steps, and 900,000 timelines stay exact integers. */
export const TIMELINE_STEP = 10_000_000_000

/** First number of a timeline, before any step was made in it. */
export function firstOf(timeline: number): number {
  return timeline * TIMELINE_STEP
}

/** The number after `current`, never below the timeline's first one. */
export function nextNumber(current: number, timeline: number): number {
  return Math.max(current, firstOf(timeline)) + 1
}

/** The timeline a number was made in. */
export function timelineOf(number: number): number {
  return Math.floor(number / TIMELINE_STEP)
}
