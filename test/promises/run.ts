// `npm run promises`: F1 to F96 with the tests that prove each; ends with `N proven, N open`.
//
// Exits with 1 when a promise is open or failed that may not be (open.ts). `--report FILE` takes the outcomes of a full
// `npm test -- --report FILE` instead of running the tests; `--live` runs the live scenarios too (minutes, real kills).
import { parseArgs } from 'node:util'
import { promises } from './lists.ts'
import { runLive } from './live-runs.ts'
import { readReport, runNamed } from './outcome.ts'
import { heading, lines } from './print.ts'
import { isFine, proofOf } from './proofs.ts'

const { values } = parseArgs({
  options: {
    report: { type: 'string' },
    live: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log('npm run promises -- [--report FILE of npm test -- --report FILE] [--live]')
  process.exit(0)
}

const outcome = values.report === undefined ? await runNamed('F') : read(values.report)
const live = values.live ? await runLive() : {}
const proofs = promises().map((entry) => ({ entry, proof: proofOf(entry.number, outcome, live) }))
console.log(heading())
for (const { entry, proof } of proofs) for (const line of lines(entry, proof)) console.log(line)
for (const text of outcome.broken) console.log(`broken: ${text}`)
const wrong = proofs.filter(({ proof }) => !isFine(proof)).map(({ entry }) => entry.number)
if (wrong.length > 0) console.log(`must not be open: ${wrong.join(', ')}`)
const proven = proofs.filter(({ proof }) => proof.standing === 'proven').length
console.log(`${proven} proven, ${proofs.length - proven} open`)
process.exit(wrong.length === 0 && outcome.broken.length === 0 ? 0 : 1)

function read(file: string) {
  try {
    return readReport(file)
  } catch (error) {
    console.error((error as Error).message)
    process.exit(2)
  }
}
