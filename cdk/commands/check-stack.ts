// `npm run check:stack`: bundles, synthesizes, asks cdk-nag, cfn-lint, ShellCheck and systemd; prints what they find, and fails.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lint, lintScripts, verifyUnits } from './lint.ts'
import { bundle, main, ROOT } from './run.ts'

/** The stack as deployed with all it has, and as deployed on an emulator. */
const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  'in an account, with agents': [
    ...['-c', 'agents=2', '-c', 'spotPercent=50'],
    // Its Node is installed here.
    ...['-c', `architecture=${process.arch}`],
  ],
  'in an account, buffered and all at once': ['-c', 'responses=buffered', '-c', 'rollout=allAtOnce'],
  'on an emulator': ['-c', 'emulator=http://127.0.0.1:4566', '-c', 'keep=false'],
}

let failed = 0
await main(async () => {
  await bundle(process.env)
  for (const [name, context] of Object.entries(VARIANTS)) {
    const out = mkdtempSync(join(tmpdir(), 'meseta-stack-'))
    try {
      const problem = synthesize(out, context)
      report(`synthesis and cdk-nag, ${name}`, problem)
      // Without a template there would be nothing to find.
      if (problem === undefined) report(`cfn-lint, ${name}`, await lint(out))
    } finally {
      rmSync(out, { recursive: true, force: true })
    }
  }
  report('ShellCheck, scripts of the machines', await lintScripts())
  const units = verifyUnits()
  if (units.skipped === undefined) report('systemd-analyze verify, units of the machines', units.problem)
  else console.log(`skipped systemd-analyze verify: ${units.skipped}`)
  console.log(failed === 0 ? 'the stack is clean' : `${failed} checks failed`)
  if (failed > 0) process.exitCode = 1
})

function report(what: string, problem: string | undefined): void {
  console.log(`${problem === undefined ? 'ok    ' : 'FAILED'} ${what}`)
  if (problem === undefined) return
  failed++
  console.log(problem)
}

/** Undefined when it is clean; else what was said. */
function synthesize(out: string, context: readonly string[]): string | undefined {
  const cdk = join(ROOT, 'node_modules', '.bin', 'cdk')
  const args = ['synth', '--quiet', '--strict', '--output', out, '-c', 'nag=true', ...context]
  const { status, stdout, stderr } = spawnSync(cdk, args, { cwd: ROOT, encoding: 'utf8' })
  return status === 0 ? undefined : `${stdout}${stderr}`
}
