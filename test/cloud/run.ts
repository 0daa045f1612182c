// `npm run test:cloud -- PART…`: the whole stack deployed on an emulator of AWS, with real agents; all parts without a name.
import { type Cloud, LOG, startCloud, timed } from './cloud.ts'
import { connect } from './connect.ts'
import { type Connector, startConnector } from './connector.ts'
import { detect } from './detect.ts'
import { find } from './find.ts'
import { lambdaFramework } from './lambda-framework.ts'
import { sqs } from './sqs.ts'
import { webhook } from './webhook.ts'

/** Says what it checks as it goes; throws what does not hold. */
export interface Told {
  check(holds: boolean, sentence: string): void
  say(sentence: string): void
}

export type Part = (cloud: Cloud, connector: Connector, told: Told) => Promise<void>

const PARTS: Readonly<Record<string, Part>> = {
  find,
  webhook,
  sqs,
  // It waits for the schedule's minute; then the cluster's ticks are dense, too.
  'lambda-framework': lambdaFramework,
  detect,
  // Last, for it restarts the emulator.
  connect,
}
const AGENTS = 2

const names = process.argv.slice(2).filter((argument) => !argument.startsWith('-'))
const unknown = names.filter((name) => !(name in PARTS))
if (unknown.length > 0) {
  console.error(`no part called ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')}`)
  process.exit(2)
}

let passed = 0
let failed = 0
const told: Told = {
  check(holds, sentence) {
    console.log(`  ${holds ? 'ok    ' : 'FAILED'} ${sentence}`)
    if (holds) passed++
    else failed++
  },
  say: (sentence) => console.log(`         ${sentence}`),
}
const begun = performance.now()
let cloud: Cloud | undefined
let connector: Connector | undefined
try {
  console.log('\ndeploy')
  cloud = await startCloud(AGENTS, told.say)
  connector = await startConnector(cloud)
  told.check(true, 'the stack is deployed, its agents are registered, the connector reaches it')
  for (const [name, part] of Object.entries(PARTS)) {
    if (names.length > 0 && !names.includes(name)) continue
    console.log(`\n${name}`)
    const { seconds } = await timed(() => guarded(() => part(cloud as Cloud, connector as Connector, told)))
    told.say(`${seconds} s`)
  }
  console.log('\ndestroy')
  told.check((await connector.stop()) === 0, 'the connector ends with 0 when it is asked to')
  const left = await cloud.destroy()
  told.check(left.length === 0, `nothing is left${left.length === 0 ? '' : `, but ${left.join(', ')}`}`)
} catch (error) {
  fail(error)
} finally {
  await connector?.stop()
  await cloud?.stop()
}
console.log(`\n${Math.round((performance.now() - begun) / 1_000)} s in all`)
if (failed > 0) console.log(`what functions logged is in ${LOG}`)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 && passed > 0 ? 0 : 1)

/** A part that fails leaves the others their turn. */
async function guarded(what: () => Promise<void>): Promise<void> {
  try {
    await what()
  } catch (error) {
    fail(error)
  }
}

function fail(error: unknown): void {
  console.log(`  FAILED ${(error as Error).stack}`)
  failed++
}
