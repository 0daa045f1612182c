// Nomad beside us in the same run, when its binary is on the PATH; otherwise its recorded figures stand alone.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Row, spreadOf } from './figures.ts'

const API = 'http://127.0.0.1:4646/v1'
const SINGLE_RUNS = 20

/** Rows of a dev agent that runs the same jobs with its raw_exec driver; none without a `nomad`. */
export async function measureNomad(jobs: number, say: (text: string) => void): Promise<readonly Row[]> {
  const version = spawnSync('nomad', ['version'], { encoding: 'utf8' })
  if (version.status !== 0) {
    say('no nomad on the PATH, its recorded figures are printed')
    return []
  }
  const folder = mkdtempSync(join(tmpdir(), 'bench-nomad-'))
  writeFileSync(join(folder, 'raw.hcl'), 'plugin "raw_exec" {\n  config { enabled = true }\n}\n')
  const agent = spawn('nomad', ['agent', '-dev', '-bind', '127.0.0.1', '-config', join(folder, 'raw.hcl')], {
    stdio: 'ignore',
  })
  try {
    await untilReady()
    say(`${version.stdout.split('\n')[0]}: one job at a time`)
    const running: number[] = []
    for (let index = 0; index < SINGLE_RUNS; index++)
      running.push(await submitUntil(`single-${index}`, 'sleep 2', (status) => status !== 'pending'))
    say(`nomad: ${jobs} jobs`)
    let next = 0
    const started = performance.now()
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        while (next < jobs) await submitUntil(`job-${next++}`, 'true', (status) => status === 'complete')
      }),
    )
    const rate = (jobs / (performance.now() - started)) * 1_000
    return [
      { name: 'nomad in this run: submit → running seen', unit: 'ms', spread: spreadOf(running) },
      { name: `nomad in this run: ${jobs} jobs of /bin/true, 4 submitters`, unit: '/s', value: rate },
    ]
  } finally {
    await ended(agent)
    rmSync(folder, { recursive: true, force: true })
  }
}

async function submitUntil(id: string, command: string, holds: (status: string) => boolean): Promise<number> {
  const job = {
    ID: id,
    Name: id,
    Type: 'batch',
    Datacenters: ['*'],
    TaskGroups: [
      {
        Name: 'one',
        Tasks: [
          {
            Name: 'one',
            Driver: 'raw_exec',
            Config: { command: '/bin/sh', args: ['-c', command] },
            Resources: { CPU: 20, MemoryMB: 10 },
          },
        ],
      },
    ],
  }
  const started = performance.now()
  const answer = await fetch(`${API}/jobs`, { method: 'POST', body: JSON.stringify({ Job: job }) })
  if (!answer.ok) throw new Error(`nomad refused a job: ${await answer.text()}`)
  for (;;) {
    const allocations = (await (await fetch(`${API}/job/${id}/allocations`)).json()) as readonly {
      ClientStatus: string
    }[]
    if (allocations.some((allocation) => holds(allocation.ClientStatus))) return performance.now() - started
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

async function untilReady(): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const nodes = await fetch(`${API}/nodes`)
      .then((answer) => answer.json() as Promise<readonly { Status: string }[]>)
      .catch(() => [])
    if (nodes.some((node) => node.Status === 'ready')) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('the nomad dev agent was not ready within 30 s')
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill('SIGINT')
  })
}
