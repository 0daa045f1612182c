// Writes cli/cost/counts.json: `node test/cli/cost/write-counts.ts`, when a count was changed on purpose.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MANY_AGENTS } from '../../../functions/lambda/plan.ts'
import { ROOT } from '../../vitest.ts'
import { countBeatsItem, countOperations, countPlans, countTask } from './count.ts'

const counts = {
  about: 'Counted by test/cli/cost; written by `node test/cli/cost/write-counts.ts`',
  manyAgents: MANY_AGENTS,
  plans: countPlans(),
  beatsItem: countBeatsItem(),
  operations: { ...(await countOperations()), ...(await countTask()) },
}
writeFileSync(join(ROOT, 'cli/cost/counts.json'), `${JSON.stringify(counts, null, 2)}\n`)
console.log(
  'cli/cost/counts.json written; now `node bench/cost-plot.ts` and `vitest run test/cli/cost/bill.test.ts --update`',
)
process.exit(0)
