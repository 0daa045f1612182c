// cfn-lint: templates as CloudFormation reads them, checked without an account; from PyPI, into a folder that git ignores.
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { ROOT } from './run.ts'

const LINT_VERSION = '1.58.0'
const LINT = join(ROOT, 'node_modules', '.cache', `cfn-lint-${LINT_VERSION}`)

/** Checks the templates in a folder that `cdk synth` wrote; undefined when they are clean, else what was said. */
export async function lint(out: string): Promise<string | undefined> {
  return (await installLint()) ?? lintInstalled(out)
}

/** W3005: the library says dependencies twice. */
function lintInstalled(out: string): string | undefined {
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
