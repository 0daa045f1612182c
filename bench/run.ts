// `npm run bench [-- --write | --only word]`: latency, throughput, cost and recovery of a cluster on this machine; rates
// as ratios to what the table's emulator can do in the same run.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { startLiveCluster } from '../test/live/cluster.ts'
import { ROOT } from '../test/vitest.ts'
import { measureCounts } from './counts.ts'
import { measureDetection } from './detection.ts'
import { measureBoth, measureControlPlaneLoss, measureMachineLoss } from './failures.ts'
import { format, markdown, type Row, spreadOf } from './figures.ts'
import { JobRunner } from './jobs.ts'
import { measureLambdaInit } from './lambda-init.ts'
import { startMockAgents } from './mock-agents.ts'
import { measureNomad } from './nomad.ts'
import { placeBurst } from './placing.ts'
import { measureRawTable, type RawRates } from './raw-table.ts'

const JOBS = 200
const SINGLE_RUNS = 60

const rows: Row[] = []
const loadBefore = loadavg()[0] ?? 0
let rawRates: RawRates | undefined
const options = readOptions()
const runs = (usual: number) => options.n ?? usual

/** In this order; each can be run alone. */
const PARTS: Readonly<Record<string, () => Promise<void>>> = {
  table: async () => void (await raw()),
  agents: withAgents,
  placing: async () => withMockAgents(await raw()),
  counts: async () => {
    say('counting calls and write units')
    rows.push(...(await measureCounts()))
  },
  'lambda-init': async () => void rows.push(...(await measureLambdaInit(runs(15), say))),
  detection: async () => void rows.push(...(await measureDetection(say))),
  nomad: async () => void rows.push(...(await measureNomad(JOBS, say))),
  'machine-loss-default': async () => void rows.push(...(await measureMachineLoss('default', runs(20), say))),
  'machine-loss-fast': async () => void rows.push(...(await measureMachineLoss('fast', runs(20), say))),
  'control-plane-loss': async () => void rows.push(...(await measureControlPlaneLoss(runs(10), say))),
  'both-lost': async () => void rows.push(...(await measureBoth(runs(5), say))),
}

const chosen = Object.keys(PARTS).filter((name) => name.includes(options.only ?? ''))
if (chosen.length === 0) {
  console.error(`error: no part is called ${options.only}; there are ${Object.keys(PARTS).join(', ')}`)
  process.exit(2)
}
if (options.write && options.only !== undefined) {
  console.error('error: the table is written whole; leave out --only, or --write')
  process.exit(2)
}
for (const name of chosen) await PARTS[name]?.()

const text = report()
console.log(`\n${text}`)
if (options.write) {
  const file = join(ROOT, 'bench', 'README.md')
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '# Numbers\n'
  const kept = before.split('<!-- figures')[0]?.trimEnd()
  writeFileSync(file, `${kept}\n\n<!-- figures: written by \`npm run bench -- --write\` -->\n\n${text}\n`)
  console.log('bench/README.md written')
}

/** What the table alone can do, measured once. */
async function raw(): Promise<RawRates> {
  if (rawRates !== undefined) return rawRates
  say('the table alone')
  rawRates = await measureRawTable()
  rows.push({ name: 'emulator: 4-item transactions, one at a time', unit: '/s', value: rawRates.sequential })
  rows.push({ name: 'emulator: the same, 16 in flight', unit: '/s', value: rawRates.sixteen })
  return rawRates
}

/** Real agents that run real processes. */
async function withAgents(): Promise<void> {
  const rates = await raw()
  const spawnedAt = performance.now()
  const cluster = await startLiveCluster({ agents: 3, keepsData: false })
  rows.push({
    name: '`npm start` with 3 agents: spawned → ready',
    unit: 'ms',
    value: performance.now() - spawnedAt,
    wanted: '< 3000',
  })
  try {
    const runner = await JobRunner.start(cluster.url)
    const folder = join(cluster.dataDir, 'started')
    mkdirSync(folder)
    say('warming up')
    await burst(runner, 'warm', 60)
    say('one task at a time')
    const started: number[] = []
    const running: number[] = []
    for (let index = 0; index < SINGLE_RUNS; index++) {
      const file = join(folder, String(index))
      const epoch = Date.now()
      const { runningMs } = await runner.run(`single-${index}`, `date +%s%N > ${file}`)
      started.push(Number(BigInt(readFileSync(file, 'utf8').trim()) / 1_000n) / 1_000 - epoch)
      running.push(runningMs)
    }
    rows.push({
      name: 'submit → process started',
      unit: 'ms',
      spread: spreadOf(started),
      wanted: '≤ 100',
      peers: 'Nomad 122–157',
    })
    rows.push({
      name: 'submit → RUNNING seen by the framework',
      unit: 'ms',
      spread: spreadOf(running),
      wanted: '≤ 150',
      peers: 'Mesos 160 p50, 201 max; Nomad 750–800',
    })
    say(`${JOBS} jobs of /bin/true`)
    const four = await submitters(runner, 'four', JOBS, 4)
    const all = await burst(runner, 'burst', JOBS)
    const peers = 'Mesos 4–7; Nomad 12–28; Slurm 48–54'
    rows.push({
      name: `${JOBS} jobs of /bin/true, 4 submitters`,
      unit: '/s',
      value: four,
      wanted: '≥ 60',
      ratio: ratioTo(four, rates),
      peers,
    })
    rows.push({
      name: `${JOBS} jobs of /bin/true, all at once`,
      unit: '/s',
      value: all,
      wanted: '≥ 60',
      ratio: ratioTo(all, rates),
      peers,
    })
    await runner.stop()
  } finally {
    await cluster.stop()
  }
}

/** Agents that run nothing: what the control plane alone can place. */
async function withMockAgents(rates: RawRates): Promise<void> {
  const cluster = await startLiveCluster({ agents: 0, keepsData: false })
  try {
    const mocks = await startMockAgents(cluster.url, 16)
    say(`placing ${JOBS} mock tasks`)
    await placeBurst(cluster.url, 60, 1)
    for (const perAccept of [1, 30]) {
      const rate = await placeBurst(cluster.url, JOBS, perAccept)
      const name = `${JOBS} mock tasks placed, ${perAccept === 1 ? 'one ACCEPT per task' : 'thirty per ACCEPT'}`
      rows.push({
        name,
        unit: '/s',
        value: rate,
        wanted: '≥ 600',
        ratio: ratioTo(rate, rates),
        peers: 'Nomad 647',
      })
    }
    mocks.stop()
  } finally {
    await cluster.stop()
  }
}

/** Each submitter waits for its job before the next one; jobs a second. */
async function submitters(runner: JobRunner, name: string, jobs: number, width: number): Promise<number> {
  let next = 0
  const started = performance.now()
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (next < jobs) await runner.run(`${name}-${next++}`, '/bin/true')
    }),
  )
  return (jobs / (performance.now() - started)) * 1_000
}

async function burst(runner: JobRunner, name: string, jobs: number): Promise<number> {
  const started = performance.now()
  await Promise.all(Array.from({ length: jobs }, (_, index) => runner.run(`${name}-${index}`, '/bin/true')))
  return (jobs / (performance.now() - started)) * 1_000
}

function ratioTo(rate: number, { sixteen }: RawRates): string {
  return `${format(rate / sixteen)} of 16 in flight`
}

function report(): string {
  const [cpu] = cpus()
  const machine = `${cpus().length} × ${cpu?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux, load ${format(loadBefore)} before and ${format(loadavg()[0] ?? 0)} after`
  const versions = `Node ${process.versions.node}, dynoxide 1.2.1, commit ${commit()}`
  return [
    `Measured ${new Date().toISOString().slice(0, 10)} on ${machine}; ${versions}.`,
    'Peers: recorded in `peers.json` on another day and machine, unless a row says that it was measured in this run.',
    '',
    markdown(rows),
  ].join('\n')
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT, encoding: 'utf8' }).trim()
  } catch {
    return 'unknown'
  }
}

function readOptions() {
  const count = (given: string) => {
    const value = Number(given)
    if (!Number.isInteger(value) || value < 1)
      throw new InvalidArgumentError('a whole number above 0 is expected')
    return value
  }
  return new Command('npm run bench --')
    .description('Latency, throughput, cost and recovery of a cluster on this machine.')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .option('--write', 'write the table into bench/README.md', false)
    .option('--only <word>', 'only the parts with this word in their name')
    .option('--n <n>', 'how often each failure is tried', count)
    .parse(process.argv.slice(2), { from: 'user' })
    .opts<{ write: boolean; only?: string; n?: number }>()
}

function say(text: string): void {
  process.stderr.write(`bench: ${text} …\n`)
}
