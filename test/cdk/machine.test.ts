// An agent's machine from its user data to its next release: install, start, restart, update, back; tasks run on.
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { App } from 'aws-cdk-lib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MesetaStack } from '../../cdk/stack.ts'
import { bundleAgent } from '../../functions/lambda/bundle.ts'
import { until } from '../agent/agent-process.ts'
import { FakeMetadata } from '../agent/metadata-fake.ts'
import { isRunning, ServedControlPlane } from '../agent/process-world.ts'
import { framework, wanted } from '../agent/tasks.ts'
import { EmptyRoot } from './empty-root.ts'
import { stubBundles } from './stubs.ts'

const ARCHITECTURE = process.arch === 'arm64' ? 'arm64' : 'x64'
const TASKS = ['a', 'b', 'c']

const controlPlane = new ServedControlPlane()
const metadata = new FakeMetadata()
const folder = mkdtempSync(join(tmpdir(), 'meseta-machine-'))
let root: EmptyRoot
let script = ''
let deployed = ''

beforeAll(async () => {
  controlPlane.frameworks = [framework()]
  await controlPlane.serve()
  await metadata.serve()
  // An address of its own: the agent's port is the same on every machine.
  metadata.values.set(
    'local-ipv4',
    `127.83.${Math.floor(Math.random() * 250)}.${1 + Math.floor(Math.random() * 250)}`,
  )
  metadata.values.set('local-hostname', 'machine')
  const bundlesDir = stubBundles()
  await bundleAgent(bundlesDir)
  const out = join(folder, 'cdk.out')
  const app = new App({ outdir: out })
  const agents = [{ name: 'workers', architecture: ARCHITECTURE, attributes: 'rack:a' } as const]
  new MesetaStack(app, 'Meseta', { bundlesDir, agents })
  app.synth()
  root = new EmptyRoot({
    environment: { AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.url, AWS_EC2_METADATA_DISABLED: 'true' },
    objectOf: (key) => published(out, key),
  })
  await root.open()
  script = join(folder, 'user-data.sh')
  const text = userDataOf(join(out, 'Meseta.template.json'))
  deployed = /^export MESETA_RELEASE='(.*)'$/m.exec(text)?.[1] ?? ''
  // The only paths a machine's own user data knows are the machine's own.
  writeFileSync(script, text.replaceAll('/opt/meseta', root.at('opt/meseta')))
}, 120_000)

afterAll(async () => {
  await root?.close()
  controlPlane.close()
  metadata.close()
  rmSync(folder, { recursive: true, force: true })
})

/** As the CDK publishes an asset: a folder as a zip file, a file as it is. */
function published(out: string, key: string): string {
  const [hash = ''] = key.split('.')
  const asset = join(out, readdirSync(out).find((name) => name.startsWith(`asset.${hash}`)) ?? key)
  if (!statSync(asset).isDirectory()) return asset
  const zip = join(folder, `${hash}.zip`)
  const archive = 'import shutil, sys; shutil.make_archive(sys.argv[1][:-4], "zip", sys.argv[2])'
  if (!existsSync(zip)) execFileSync('python3', ['-c', archive, zip, asset])
  return zip
}

/** The script of the launch template, with what CloudFormation would put in. */
function userDataOf(template: string): string {
  const { Resources } = JSON.parse(readFileSync(template, 'utf8')) as {
    readonly Resources: Readonly<Record<string, { Type: string; Properties: Record<string, never> }>>
  }
  const found = Object.values(Resources).find(({ Type }) => Type === 'AWS::EC2::LaunchTemplate')
  const data: unknown = (found?.Properties.LaunchTemplateData as { UserData?: unknown } | undefined)?.UserData
  return resolved((data as { 'Fn::Base64': unknown })['Fn::Base64'])
}

function resolved(value: unknown): string {
  if (typeof value === 'string') return value.replace(/\$\{AWS::\w+\}/g, 'here')
  const [[name, of] = ['', '']] = Object.entries(value as Record<string, unknown>)
  if (name === 'Fn::Join') {
    const [between, parts] = of as [string, unknown[]]
    return parts
      .map(resolved)
      .join(between)
      .replace(/https:\/\/here\.execute-api[^']*/, `${controlPlane.url}/`)
  }
  if (name === 'Fn::Sub') return resolved(of)
  return 'here'
}

const pids = () => TASKS.map((id) => controlPlane.last(id)?.container_status?.executor_pid ?? 0)
const incarnationIs = (least: number) => until(() => controlPlane.incarnation >= least, 30_000)

/** A release that differs: what its bundle does first. */
function release(name: string, first: string, place: 'prepend' | 'append' = 'prepend'): string {
  const to = join(folder, name)
  cpSync(root.at('opt/meseta/current/bundle'), to, { recursive: true })
  const main = join(to, 'main.mjs')
  if (place === 'append') appendFileSync(main, first)
  else writeFileSync(main, `${first}\n${readFileSync(main, 'utf8')}`)
  return to
}

/** Tasks and id of the agent are what they were. */
async function nothingLost(work: () => Promise<void>): Promise<void> {
  const before = pids()
  expect(before.every(isRunning)).toBe(true)
  const { agentId } = root.ready ?? {}
  await work()
  await until(() => root.ready !== undefined, 30_000)
  expect(root.ready?.agentId).toBe(agentId)
  expect(before.map(isRunning)).toEqual(TASKS.map(() => true))
  expect(pids()).toEqual(before)
  for (const id of TASKS) expect(controlPlane.states(id)).toEqual(['TASK_STARTING', 'TASK_RUNNING'])
}

describe('the machine', { timeout: 120_000 }, () => {
  test('user data makes an empty root an agent, and the unit’s own command line starts it', async () => {
    const ran = await root.run(script, [])
    expect(ran).toMatchObject({ status: 0, output: '' })
    expect(existsSync(root.at('opt/meseta/new'))).toBe(false)
    expect(readdirSync(root.at('etc/systemd/system')).sort()).toEqual([
      'meseta-agent-update.service',
      'meseta-agent-update.timer',
      'meseta-agent.service',
      'meseta-tasks.service',
      'meseta.slice',
    ])
    await root.startAgent()
    await incarnationIs(1)
    const { agentInfo, instanceId, address } = controlPlane.registrations[0] ?? {}
    expect({ instanceId, address }).toEqual({
      instanceId: 'i-0123456789abcdef0',
      address: { ip: metadata.values.get('local-ipv4'), port: 5051 },
    })
    expect(agentInfo?.hostname).toBe('machine')
    expect(agentInfo?.domain?.fault_domain?.zone?.name).toBe('eu-west-1b')
    const attributes = agentInfo?.attributes?.map(({ name, text }) => `${name}:${text?.value}`)
    expect(attributes?.sort()).toEqual([
      `architecture:${process.arch}`,
      'group:workers',
      'instance_type:m7g.large',
      'lifecycle:spot',
      'rack:a',
      'region:eu-west-1',
      'zone:eu-west-1b',
    ])
  })

  test('F27 its tasks are in their own group, and a restart of the unit leaves them alone', async () => {
    controlPlane.want(TASKS.map((id) => wanted(id, 'exec sleep 300')))
    await until(() => TASKS.every((id) => controlPlane.states(id).length === 2), 30_000)
    expect(readFileSync(join(root.tasksCgroup, 'shims/cgroup.procs'), 'utf8')).toMatch(/^\d+\n/)
    await nothingLost(async () => {
      const { incarnation } = controlPlane
      await root.stopAgent()
      await root.startAgent()
      await incarnationIs(incarnation + 1)
    })
  })

  test('F69 another release takes the agent’s place, and gives it back', async () => {
    const first = root.release
    await nothingLost(async () => {
      const { status, output } = await root.update(release('second', '// Another release.'))
      expect({ status, output }).toMatchObject({
        status: 0,
        output: expect.stringContaining('runs, in place of'),
      })
    })
    const second = root.release
    expect(second).not.toBe(first)
    expect(
      readdirSync(root.at('opt/meseta/releases'))
        .map((id) => `releases/${id}`)
        .sort(),
    ).toEqual([first, second].sort())
    expect(await root.update(join(folder, 'second'))).toMatchObject({
      status: 0,
      output: expect.stringContaining('runs already'),
    })
    await nothingLost(async () => {
      expect(await root.update('--back')).toMatchObject({ status: 0 })
    })
    expect(root.release).toBe(first)
  })

  test('one that does not register is taken back by itself', async () => {
    const first = root.release
    const broken = release('broken', "if (!process.argv.includes('--help')) process.exit(3)")
    await nothingLost(async () => {
      const { status, output } = await root.run(root.at('opt/meseta/current/scripts/update.sh'), [broken], {
        MESETA_UPDATE_WAIT: '3',
      })
      expect(status).toBe(1)
      expect(output).toMatch(/did not register as .*: .* runs again/)
    })
    expect(root.release).toBe(first)
  })

  test('one that does not start on this machine is refused before anything changes', async () => {
    const { pid } = root.ready ?? {}
    const { status, output } = await root.update(release('torn', 'this is no program'))
    expect(status).toBe(1)
    expect(output).toContain('does not start on this machine')
    expect(await root.update(join(folder, 'nowhere'))).toMatchObject({ status: 1 })
    expect(root.ready?.pid).toBe(pid)
  })

  test('the timer does what the deployment says: nothing, then the new release, once', async () => {
    root.wanted = deployed
    const before = root.release
    expect(await root.updateToWanted()).toEqual({ status: 0, output: '' })
    const next = release('next', '// What was deployed next.')
    root.wanted = `${next} ${deployed.split(' ').slice(1).join(' ')}`
    await nothingLost(async () => {
      expect(await root.updateToWanted()).toMatchObject({ status: 0 })
    })
    expect(root.release).not.toBe(before)
    expect(await root.updateToWanted()).toEqual({ status: 0, output: '' })
  })

  test('the timer tries a release that failed here no second time', async () => {
    const before = root.release
    root.wanted = join(folder, 'broken')
    const wait = { MESETA_UPDATE_WAIT: '3' }
    const unit = root.at('opt/meseta/current/scripts/update.sh')
    await nothingLost(async () => {
      expect(await root.run(unit, ['--wanted'], wait)).toMatchObject({ status: 1 })
    })
    expect(await root.run(unit, ['--wanted'], wait)).toEqual({ status: 0, output: '' })
    expect(root.release).toBe(before)
  })

  test('an update that was cut off is judged by the next one', async () => {
    const before = root.release
    const { incarnation } = controlPlane
    // As the power leaves it after the switch: a release that does not run.
    const cut = 'cut-off'
    cpSync(root.at(`opt/meseta/${before}`), root.at(`opt/meseta/releases/${cut}`), { recursive: true })
    writeFileSync(root.at('opt/meseta/pending'), before.replace('releases/', ''))
    execFileSync('ln', ['-sfn', `releases/${cut}`, root.at('opt/meseta/current')])
    await root.stopAgent()
    const script = root.at('opt/meseta/current/scripts/update.sh')
    await root.run(script, ['--wanted'])
    expect(root.release).toBe(before)
    await incarnationIs(incarnation + 1)
    await until(() => root.ready !== undefined)
    expect(existsSync(root.at('opt/meseta/pending'))).toBe(false)
  })

  test('an agent that is not registered is left alone unless forced', async () => {
    await root.stopAgent('SIGKILL')
    mkdirSync(root.at('run/meseta'), { recursive: true })
    const other = release('other', '// Yet another.')
    expect(await root.update(other)).toMatchObject({
      status: 1,
      output: expect.stringContaining('is not registered now'),
    })
    expect(await root.update('--force', other)).toMatchObject({ status: 0 })
    expect(pids().map(isRunning)).toEqual(TASKS.map(() => true))
  })
})
