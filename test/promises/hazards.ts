// `npm run hazards`: the attacks A1 to A30 with the tests that fail to attack, the hazards H1 to H20 with those that prove
// our defence; with `--all` the invariants too.
//
// Ends with `N proven, N open`, which counts hazards; exits with 1 when a hazard has no test that passed, or an attack
// succeeded. `--report FILE` as `npm run promises`.
import { parseArgs } from 'node:util'
import { attacks, hazards, invariants } from './lists.ts'
import { readReport, runNamed } from './outcome.ts'
import { heading, lines } from './print.ts'
import { proofOf } from './proofs.ts'

const { values } = parseArgs({
  options: {
    report: { type: 'string' },
    all: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log('npm run hazards -- [--all: invariants too] [--report FILE of npm test -- --report FILE]')
  process.exit(0)
}

const outcome = values.report === undefined ? await runNamed(values.all ? 'HASL' : 'HA') : read(values.report)
const prove = ({ number }: { readonly number: string }) => proofOf(number, outcome, {})
console.log(heading())
if (values.all)
  for (const entry of invariants()) for (const line of lines(entry, prove(entry))) console.log(line)
const attacked = attacks().map((entry) => ({ entry, proof: prove(entry) }))
for (const { entry, proof } of attacked)
  for (const line of lines(entry, proof, { most: 12 })) console.log(line)
const shown = hazards().map((entry) => ({ entry, proof: prove(entry) }))
for (const { entry, proof } of shown) for (const line of lines(entry, proof)) console.log(line)
for (const text of outcome.broken) console.log(`broken: ${text}`)
const untried = attacked.filter(({ proof }) => proof.tests.length === 0)
if (untried.length > 0)
  console.log(`attacks without a test: ${untried.map(({ entry }) => entry.number).join(', ')}`)
const succeeded = attacked.filter(({ proof }) => proof.standing === 'failed')
if (succeeded.length > 0)
  console.log(`attacks that succeeded: ${succeeded.map(({ entry }) => entry.number).join(', ')}`)
const open = shown.filter(({ proof }) => proof.standing !== 'proven')
if (open.length > 0) console.log(`without a proof: ${open.map(({ entry }) => entry.number).join(', ')}`)
console.log(`${shown.length - open.length} proven, ${open.length} open`)
process.exit(open.length === 0 && succeeded.length === 0 && outcome.broken.length === 0 ? 0 : 1)

function read(file: string) {
  try {
    return readReport(file)
  } catch (error) {
    console.error((error as Error).message)
    process.exit(2)
  }
}
