// `npm run simulate`: runs seeds on all cores and tells the story of what failed; crashes at every call; planted bugs.
import { parseArgs } from 'node:util'
import type { ProfileName } from '../../master/settings.ts'
import { PROFILES } from '../../master/settings.ts'
import { pairs, placesOf, singles } from './crash-points.ts'
import { findMutants } from './mutants.ts'
import type { SimulationOutcome } from './simulation.ts'
import { onAllCores } from './workers.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    hours: { type: 'string', default: '0.5' },
    agents: { type: 'string', default: '20' },
    profile: { type: 'string', default: 'mesos' },
    restores: { type: 'boolean', default: false },
    mutants: { type: 'boolean', default: false },
    'crash-points': { type: 'boolean', default: false },
    bound: { type: 'string', default: '500' },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) {
  console.log(
    'npm run simulate -- [--seed N] [--seeds N] [--hours H] [--agents N] [--profile fast|default|mesos] [--restores]\nnpm run simulate -- --mutants [--only WORD]\nnpm run simulate -- --crash-points [pairs [--bound N]] [--only WORD]',
  )
  process.exit(0)
}
const profile = profileOf(values.profile)
const restores = values.restores ? { restores: true } : {}
const common = { hours: number('hours'), agents: number('agents'), profile, ...restores }
process.exit(await chosenWork())

async function chosenWork(): Promise<number> {
  if (values.mutants) return await findMutants({ only: values.only })
  return values['crash-points'] ? await crashPoints() : await seeds()
}

async function seeds(): Promise<number> {
  const first = number('seed')
  const count = number('seeds')
  const jobs = Array.from({ length: count }, (_, index) => {
    return { job: 'seed', options: { seed: first + index, ...common } } as const
  })
  const progress = progressOf(count)
  let failed = 0
  let cpuSeconds = 0
  let seed = first
  for await (const { result, ...used } of onAllCores(jobs, progress.done)) {
    progress.clear()
    cpuSeconds += used.cpuSeconds
    const counts = Object.entries(result.counts).map(([name, value]) => `${value} ${name}`)
    console.log(
      `seed ${seed}: ${result.violation?.invariant ?? 'ok'}  ${result.hash}  ${result.steps} steps, ${result.commits} commits, ${counts.join(', ')}; ${used.cpuSeconds.toFixed(1)} s of CPU, ${rate(1, used.cpuSeconds)} simulated hours per CPU hour`,
    )
    if (result.violation !== undefined) {
      failed += 1
      tellStory(result.violation)
      console.log(
        `  again: npm run simulate -- --seed ${seed} --hours ${common.hours} --agents ${common.agents} --profile ${profile}${values.restores ? ' --restores' : ''}`,
      )
    }
    seed += 1
  }
  if (count > 1) console.log(`${rate(count, cpuSeconds)} simulated hours per CPU hour`)
  console.log(`${count - failed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

/** Runs that end early, at a failure, make this a little too good. */
function rate(runs: number, cpuSeconds: number): string {
  return ((runs * common.hours * 3600) / cpuSeconds).toFixed(0)
}

/** Every place where a process can die, before and after the call; with `pairs`, two of them in one run. */
async function crashPoints(): Promise<number> {
  const places = await placesOf()
  const all = places.all.filter((place) => values.only === undefined || place.includes(values.only))
  const isPairs = positionals.includes('pairs')
  const crashes = isPairs ? pairs(all, number('bound')) : singles({ ...places, all })
  console.log(`${places.all.length} places, ${crashes.length} ${isPairs ? 'pairs of' : 'single'} crashes`)
  const progress = progressOf(crashes.length)
  const jobs = crashes.map((at) => ({ job: 'crash point', at }) as const)
  let failed = 0
  let index = 0
  for await (const { result } of onAllCores(jobs, progress.done)) {
    const crash = crashes[index++] ?? []
    // A second place may not be come to any more once the first crash has struck.
    if (result.violation === undefined && result.reached > 0) continue
    failed += 1
    progress.clear()
    console.log(crash.map(({ place, when }) => `${when} ${place}`).join('\n  and '))
    if (result.violation === undefined) console.log('  was not come to')
    else tellStory(result.violation)
  }
  progress.clear()
  console.log(`${crashes.length - failed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

function tellStory(violation: NonNullable<SimulationOutcome['violation']>): void {
  console.log(`  ${violation.text}`)
  for (const line of violation.story) console.log(`  ${line}`)
}

/** A line that is written over itself, on a terminal only. */
function progressOf(count: number): { done(count: number): void; clear(): void } {
  const isShown = process.stderr.isTTY && count > 1
  return {
    done: (done) => isShown && process.stderr.write(`\r${done} of ${count} `),
    clear: () => isShown && process.stderr.write('\r\x1b[K'),
  }
}

function number(name: 'seed' | 'seeds' | 'hours' | 'agents' | 'bound'): number {
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
