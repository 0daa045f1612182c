// `npm run test:live -- NAME…`: scenarios with real processes, real kills and real time; all of them without a name.
import { agentRestart } from './agent-restart.ts'
import { connect } from './connect.ts'
import { controlPlaneRestart } from './control-plane-restart.ts'
import { drain } from './drain.ts'
import { frameworkFailover } from './framework-failover.ts'
import { lambdaFramework } from './lambda-framework.ts'
import { mesosFramework } from './mesos-framework.ts'

/** Says what it checks as it goes; throws what does not hold. */
export type Scenario = (check: Check) => Promise<void>
export type Check = (holds: boolean, sentence: string) => void

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'mesos-framework': mesosFramework,
  'agent-restart': agentRestart,
  'control-plane-restart': controlPlaneRestart,
  'drain-restarts': drain,
  'framework-failover': frameworkFailover,
  connect,
  'lambda-framework': lambdaFramework,
}

const names = process.argv.slice(2).filter((argument) => !argument.startsWith('-'))
const unknown = names.filter((name) => !(name in SCENARIOS))
if (unknown.length > 0) {
  console.error(`no live test called ${unknown.join(', ')}; there are ${Object.keys(SCENARIOS).join(', ')}`)
  process.exit(2)
}

let passed = 0
let failed = 0
for (const [name, scenario] of Object.entries(SCENARIOS)) {
  if (names.length > 0 && !names.includes(name)) continue
  console.log(`\n${name}`)
  try {
    await scenario((holds, sentence) => {
      console.log(`  ${holds ? 'ok    ' : 'FAILED'} ${sentence}`)
      if (holds) passed++
      else failed++
    })
  } catch (error) {
    console.log(`  FAILED ${(error as Error).stack}`)
    failed++
  }
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 && passed > 0 ? 0 : 1)
