// What a decision may know besides what was loaded: time and fresh ids are handed in, so that it stays pure.
import type { Settings } from './settings.ts'

export interface Context {
  /** Cluster time, ms since 1970. */
  readonly now: number
  /** A fresh random id, 22 path-safe characters. */
  readonly newId: () => string
  readonly settings: Settings
  /** First part of every id made here, and the timeline of every number. */
  readonly cluster: { readonly id: string; readonly timeline: number }
}
