// `node test/cdk/record-rights.ts`: runs many simulated clusters behind roles and writes down what each function did,
// with the table and with queues, into rights-seen.json. Some minutes; needed when a function does something new.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Guard } from './guarded.ts'
import { policiesOf } from './iam.ts'
import { everything, lifeOf } from './rights-world.ts'
import { templateOf, WITH_AGENTS } from './stubs.ts'

const RUNS = [
  { from: 1, to: 45, hours: 0.2, agents: 4, profile: 'mesos' },
  { from: 100, to: 112, hours: 0.4, agents: 12, profile: 'mesos' },
  { from: 300, to: 305, hours: 0.15, agents: 5, profile: 'default' },
] as const

const guard = new Guard(policiesOf(templateOf(WITH_AGENTS)))
await everything(guard)
for (const { from, to, ...cluster } of RUNS) {
  for (let seed = from; seed <= to; seed++) {
    const restores = cluster.profile === 'mesos' && seed % 3 === 0
    await lifeOf(guard, { ...cluster, seed, restores, quietMs: 4 * 60_000 })
  }
}
const seen = [...guard.used].filter((one) => / (dynamodb:|sqs:SendMessage)/.test(one)).sort()
writeFileSync(join(import.meta.dirname, 'rights-seen.json'), `${JSON.stringify(seen, null, 2)}\n`)
if (guard.refused.size > 0) {
  console.error(`refused:\n${[...guard.refused].sort().join('\n')}`)
  process.exitCode = 1
}
