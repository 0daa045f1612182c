// How tests run: four workers on two cores, for most tests wait; generous time-outs because whole clusters start inside tests.
import { defineConfig } from 'vitest/config'
import { LongestFirst } from './test/longest-first.ts'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    // Emulators and agents are real processes: let failures show their own output.
    silent: 'passed-only',
  },
})
