// `npm run simulate`: runs seeds one after the other, tells the story of what failed, or finds planted bugs.
import { parseArgs } from 'node:util'
import type { ProfileName } from '../../master/settings.ts'
import { PROFILES } from '../../master/settings.ts'
import { findMutants } from './mutants.ts'
import { simulate } from './simulation.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    hours: { type: 'string', default: '0.5' },
    agents: { type: 'string', default: '20' },
    profile: { type: 'string', default: 'mesos' },
    mutants: { type: 'boolean', default: false },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) {
  console.log(
    'npm run simulate -- [--seed N] [--seeds N] [--hours H] [--agents N] [--profile fast|default|mesos] [--mutants]',
  )
  process.exit(0)
}
const profile = profileOf(values.profile)
const common = { hours: number('hours'), agents: number('agents'), profile }
process.exit(values.mutants ? await findMutants({ only: values.only }) : await seeds())

async function seeds(): Promise<number> {
  let failed = 0
  const first = number('seed')
  const count = number('seeds')
  for (let seed = first; seed < first + count; seed++) {
    const cpu = process.cpuUsage()
    const outcome = await simulate({ seed, ...common })
    const used = process.cpuUsage(cpu)
    const seconds = (used.user + used.system) / 1e6
    const rate = ((common.hours * 3600) / seconds).toFixed(0)
    const counts = Object.entries(outcome.counts).map(([name, value]) => `${value} ${name}`)
    console.log(
      `seed ${seed}: ${outcome.violation?.invariant ?? 'ok'}  ${outcome.hash}  ${outcome.steps} steps, ${outcome.commits} commits, ${counts.join(', ')}; ${seconds.toFixed(1)} s of CPU, ${rate} simulated hours per CPU hour`,
    )
    if (outcome.violation === undefined) continue
    failed += 1
    console.log(`  ${outcome.violation.text}`)
    for (const line of outcome.violation.story) console.log(`  ${line}`)
    console.log(
      `  again: npm run simulate -- --seed ${seed} --hours ${common.hours} --agents ${common.agents} --profile ${profile}`,
    )
  }
  console.log(`${count - failed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

function number(name: 'seed' | 'seeds' | 'hours' | 'agents'): number {
  const value = Number(values[name])
  if (Number.isFinite(value) && value > 0) return value
  console.error(`--${name} takes a number above zero, not ${values[name]}`)
  process.exit(1)
}

function profileOf(name: string): ProfileName {
  const known = Object.keys(PROFILES).find((one) => one === name)
  if (known === undefined) {
    console.error(`--profile is one of ${Object.keys(PROFILES).join(', ')}, not ${name}`)
    process.exit(1)
  }
  // A key of the table of profiles.
  return known as ProfileName
}
