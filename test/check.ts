// `npm run check`: types, lint and the rules of the house, in that order; prints what failed and where to look.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { ROOT, runVitest } from './vitest.ts'

const bin = (name: string) => join(ROOT, 'node_modules', '.bin', name)
const steps: readonly (readonly [string, () => Promise<boolean> | boolean])[] = [
  ['types', () => run(bin('tsc'), ['-p', '.'])],
  ['lint', () => run(bin('biome'), ['ci', '--error-on-warnings', '.'])],
  [
    'tidy',
    async () => {
      const { tests, broken } = await runVitest(['test/tidy.test.ts'])
      return broken.length === 0 && tests.length > 0 && tests.every((test) => test.status === 'passed')
    },
  ],
]
let failed = 0
for (const [name, step] of steps) {
  const started = process.hrtime.bigint()
  const good = await step()
  const seconds = Number(process.hrtime.bigint() - started) / 1e9
  console.log(`${good ? 'ok    ' : 'FAILED'} ${name} (${seconds.toFixed(1)} s)`)
  if (!good) failed++
}
process.exit(failed === 0 ? 0 : 1)

function run(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { cwd: ROOT, stdio: 'inherit' }).status === 0
}
