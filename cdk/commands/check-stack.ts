// `npm run check:stack`: synthesizes, asks cdk-nag and cfn-lint, prints what they find; any finding is a failure.
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const LINT_VERSION = '1.58.0'
const LINT = join(ROOT, 'node_modules', '.cache', `cfn-lint-${LINT_VERSION}`)

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
const missing = await installLint()
for (const [name, context] of Object.entries(VARIANTS)) {
  const out = mkdtempSync(join(tmpdir(), 'meseta-stack-'))
  try {
    report(`synthesis and cdk-nag, ${name}`, synthesize(out, context))
    report(`cfn-lint, ${name}`, missing ?? lint(out))
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}
console.log(failed === 0 ? 'the stack is clean' : `${failed} checks failed`)
process.exitCode = failed === 0 ? 0 : 1

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

/** W3005: the library says dependencies twice. */
function lint(out: string): string | undefined {
  const templates = readdirSync(out)
    .filter((file) => file.endsWith('.template.json'))
    .map((file) => join(out, file))
  if (templates.length === 0) return 'there is no template to check'
  const args = ['--ignore-checks', 'W3005', '--', ...templates]
  const { status, stdout, stderr } = spawnSync(join(LINT, 'bin', 'cfn-lint'), args, { encoding: 'utf8' })
  return status === 0 ? undefined : `${stdout}${stderr}`
}

/** Once, at a pinned version, into a folder that git ignores; undefined when it is there. */
async function installLint(): Promise<string | undefined> {
  const done = join(LINT, 'installed')
  if (existsSync(done)) return undefined
  mkdirSync(dirname(LINT), { recursive: true })
  const run = promisify(execFile)
  try {
    await run('python3', ['-m', 'venv', LINT])
    await run(join(LINT, 'bin', 'pip'), [
      'install',
      '--quiet',
      '--disable-pip-version-check',
      `cfn-lint==${LINT_VERSION}`,
    ])
  } catch (error) {
    return `cfn-lint==${LINT_VERSION} could not be installed from PyPI; python3 with venv is needed: ${String(error)}`
  }
  writeFileSync(done, LINT_VERSION)
  return undefined
}
