// How tests run: few workers (two cores), generous time-outs because whole clusters start inside tests.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    // Emulators and agents are real processes: let failures show their own output.
    silent: 'passed-only',
  },
})
