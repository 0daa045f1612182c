// The npm package as others have it: packed, unpacked into an empty folder, and used there. No registry is asked.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import manifest from '../package.json' with { type: 'json' }
import { MESETA_VERSION } from '../protocol/version.ts'
import { ROOT } from './vitest.ts'

const WITHIN_MS = 240_000
let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'meseta-package-'))
  // Building comes first, as from a clean clone.
  run('npm', ['pack', '--pack-destination', folder, '--loglevel=error'], ROOT)
  const [tarball = ''] = readdirSync(folder)
  const installed = join(folder, 'node_modules', 'meseta')
  mkdirSync(installed, { recursive: true })
  run('tar', ['-xzf', join(folder, tarball), '--strip-components=1', '-C', installed], folder)
  // What npm would install, and what the app itself has.
  const others = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies)]
  for (const name of [...others, '@types/node', `node-linux-${process.arch}`]) link(name)
  mkdirSync(join(folder, 'node_modules', '.bin'))
  symlinkSync('../meseta/bin/meseta.js', join(folder, 'node_modules', '.bin', 'meseta'))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'app', type: 'module' }))
}, WITHIN_MS)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('it holds JavaScript, declarations and bundles, and none of our sources', () => {
  const files = readdirSync(join(folder, 'node_modules', 'meseta'), { recursive: true, encoding: 'utf8' })
  expect(files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))).toEqual([])
  for (const file of ['LICENSE', 'NOTICE', 'README.md', 'bin/meseta.js', 'lib/dist/agent/shim.c']) {
    expect(files).toContain(file)
  }
  expect(files.filter((file) => /^lib\/dist\/functions\/[^/]+\/index\.mjs$/.test(file))).toHaveLength(10)
})

test('the construct synthesizes in an app, with the bundles and the Node of the package', () => {
  const architecture = process.arch === 'arm64' ? 'arm64' : 'x64'
  writeFileSync(
    join(folder, 'app.js'),
    `import { App, Stack } from 'aws-cdk-lib'
import { Meseta } from 'meseta/cdk'
const app = new App({ outdir: 'cdk.out' })
const stack = new Stack(app, 'Mine')
new Meseta(stack, 'Cluster', { agents: [{ name: 'few', architecture: '${architecture}' }] })
const template = app.synth().getStackByName('Mine').template
console.log(JSON.stringify(Object.keys(template.Outputs)))
`,
  )
  const outputs = JSON.parse(run(process.execPath, ['app.js'], folder))
  expect(outputs).toEqual(expect.arrayContaining(['Url', 'ApiId', 'TableName', 'QueuePrefix', 'SecretArn']))
  const assets = readdirSync(join(folder, 'cdk.out')).filter((name) => name.startsWith('asset.'))
  expect(assets.filter((asset) => existsSync(join(folder, 'cdk.out', asset, 'index.mjs')))).toHaveLength(10)
  expect(assets.some((asset) => existsSync(join(folder, 'cdk.out', asset, 'install.sh')))).toBe(true)
}, 120_000)

test('its types check in strict TypeScript', () => {
  writeFileSync(
    join(folder, 'app.ts'),
    `import { App, Stack } from 'aws-cdk-lib'
import { FindError, findCluster, standBeside } from 'meseta'
import { Meseta, type MesetaProps, MesetaStack } from 'meseta/cdk'
import { encodeMessage, encodeRecord, type SchedulerCall, type TaskStatus } from 'meseta/protocol'

const props: MesetaProps = { prefix: 'mine', schedulerResponses: 'buffered' }
const app = new App()
export const cluster: Meseta = new Meseta(new Stack(app, 'Mine'), 'Cluster', props)
export const table: string = new MesetaStack(app, 'Other', props).cluster.table.tableName
export const call: SchedulerCall = { type: 'REVIVE', framework_id: { value: 'mine' } }
export const record: Uint8Array = encodeRecord(encodeMessage('mesos.v1.scheduler.Call', 'application/json', call))
export const isOver = ({ state }: TaskStatus): boolean => state === 'TASK_FINISHED'

export async function master(): Promise<string> {
  try {
    const { url } = await findCluster({ stack: 'Mine', region: 'eu-west-1' })
    return (await standBeside({ url })).url
  } catch (error) {
    throw error instanceof FindError ? new Error(error.kind) : error
  }
}

// @ts-expect-error A prefix is text.
export const wrong: MesetaProps = { prefix: 1 }
`,
  )
  const compilerOptions = {
    ...{ target: 'es2024', module: 'nodenext', strict: true, noEmit: true },
    ...{ skipLibCheck: false, types: ['node'], preserveSymlinks: false },
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['app.ts'] }))
  const { stdout } = spawnSync(join(ROOT, 'node_modules', '.bin', 'tsc'), ['-p', '.'], options(folder))
  // Declarations of others are theirs to mend.
  const ours = stdout.split('\n').filter((line) => /^(app\.ts|node_modules\/meseta)/.test(line))
  expect(ours).toEqual([])
}, 120_000)

test('its command starts without the repository, with the agent and the connector', () => {
  const meseta = (...args: string[]) => run('npx', ['--no-install', 'meseta', ...args], folder)
  expect(meseta('--version')).toBe(`${MESETA_VERSION}\n`)
  expect(meseta('agent', 'start', '--help')).toContain('--work-dir')
  expect(meseta('connect', '--help')).toContain('--stack')
}, 60_000)

test('its modules load: the wire, and finding a cluster', () => {
  const script = `
    import { findCluster } from 'meseta'
    import { encodeRecord } from 'meseta/protocol'
    const { url } = await findCluster({ stack: 'Saved' })
    console.log(url, Buffer.from(encodeRecord(Buffer.from('ab'))).toString())`
  const said = { Url: 'https://x.example/prod/', ApiId: 'x', TableName: 't', QueuePrefix: 'meseta' }
  writeFileSync(join(folder, 'meseta-outputs.json'), JSON.stringify({ Saved: said }))
  expect(run(process.execPath, ['--input-type=module', '-e', script], folder)).toBe(
    'https://x.example/prod 2\nab\n',
  )
}, 60_000)

function link(name: string): void {
  const path = join(folder, 'node_modules', name)
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules', name), path)
}

function run(program: string, args: readonly string[], cwd: string): string {
  return execFileSync(program, args, options(cwd))
}

function options(cwd: string) {
  // This test's own Node in front: the one that npm finds may be older.
  const { AWS_ENDPOINT_URL: _, ...others } = process.env
  const path = `${dirname(process.execPath)}:${process.env.PATH}`
  return { cwd, encoding: 'utf8', env: { ...others, PATH: path, npm_config_offline: 'true' } } as const
}
