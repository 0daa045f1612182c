// How large each function's bundle is and how long it takes to load, as a ratio to a Node process that does nothing.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundle } from '../functions/lambda/bundle.ts'
import { format, type Row, spreadOf } from './figures.ts'

/** As on AWS: no endpoint, so that what signed calls need is loaded too. Nothing is called. */
const VARIABLES = {
  AWS_REGION: 'eu-central-1',
  AWS_ACCESS_KEY_ID: 'bench',
  AWS_SECRET_ACCESS_KEY: 'bench',
  MESETA_TABLE: 'bench',
  MESETA_QUEUE_PREFIX: 'bench',
  MESETA_SECRET_ARN: 'bench',
}

/** In turns, so that a load that comes and goes meets all alike. */
export async function measureLambdaInit(runs: number, say: (text: string) => void): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'meseta-bench-'))
  try {
    say('bundling the functions')
    const functions = (await bundle(folder)).filter(({ name }) => name !== 'agent')
    const empty = join(folder, 'empty.mjs')
    writeFileSync(empty, '')
    const files = [empty, ...functions.map(({ name }) => join(folder, 'functions', name, 'index.mjs'))]
    const times = new Map<string, number[]>(files.map((file) => [file, []]))
    say(`starting each function ${runs} times`)
    for (let run = 0; run < runs; run++) {
      for (const [file, taken] of times) taken.push(await loadedAfter(file))
    }
    const base = spreadOf(times.get(empty) ?? []).p50
    return functions.map(({ name, bytes }, index) => {
      const spread = spreadOf(times.get(files[index + 1] ?? '') ?? [])
      return {
        name: `function \`${name}\`, ${Math.round(bytes / 1_000)} kB: process start → loaded`,
        unit: 'ms',
        spread,
        wanted: '≤ 2.5 × empty, ≤ 500 kB',
        ratio: `${format(spread.p50 / base)} × empty`,
      }
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Rejects with what it printed when it fails: a function that does not start would be fast. */
function loadedAfter(file: string): Promise<number> {
  const started = performance.now()
  const child = spawn(process.execPath, [file], { env: VARIABLES, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (part) => {
    said += String(part)
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) => {
      if (code === 0) resolve(performance.now() - started)
      else reject(new Error(`${file} did not load: ${said.slice(0, 500)}`))
    })
  })
}
