// `npm test`: every test of the project, ending with `N passed, N failed`.
import { closingLine, runVitest } from './vitest.ts'

const args = process.argv.slice(2)
const realTime = args.includes('--real-time')
const outcome = await runVitest(
  args.filter((arg) => arg !== '--real-time'),
  realTime ? { MESETA_REAL_TIME: '1' } : {},
)
process.exit(closingLine(outcome))
