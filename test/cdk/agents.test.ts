// The machines: what their template says, what they may do, and the install script in an empty root.
import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { Match } from 'aws-cdk-lib/assertions'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROOT } from '../vitest.ts'
import { stubBundles, templateOf } from './stubs.ts'

const SCRIPTS = join(ROOT, 'cdk', 'agent')
const ARCHITECTURE = process.arch === 'arm64' ? 'arm64' : 'x64'

describe('the template', () => {
  let template: ReturnType<typeof templateOf>
  beforeAll(() => {
    template = templateOf({ agents: [{ name: 'workers', architecture: ARCHITECTURE, spotPercent: 50 }] })
  }, 60_000)

  test('tasks do not reach the metadata of the machine (A21)', () => {
    template.hasResourceProperties('AWS::EC2::LaunchTemplate', {
      LaunchTemplateData: {
        MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1 },
        BlockDeviceMappings: [Match.objectLike({ Ebs: Match.objectLike({ Encrypted: true }) })],
      },
    })
  })

  test('machines are drained before they end', () => {
    template.hasResourceProperties('AWS::AutoScaling::AutoScalingGroup', {
      AutoScalingGroupName: 'meseta-workers',
      LifecycleHookSpecificationList: [
        {
          LifecycleHookName: 'drain',
          LifecycleTransition: 'autoscaling:EC2_INSTANCE_TERMINATING',
          HeartbeatTimeout: 900,
          DefaultResult: 'CONTINUE',
        },
      ],
      MixedInstancesPolicy: { InstancesDistribution: { OnDemandPercentageAboveBaseCapacity: 50 } },
    })
    template.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: Match.objectLike({ detail: { AutoScalingGroupName: ['meseta-workers'] } }),
    })
  })

  test('A21 nor does anything that its tasks start: systemd keeps their group from it', () => {
    const unit = readFileSync(join(SCRIPTS, 'meseta-tasks.service'), 'utf8')
    expect(unit).toMatch(/^IPAddressDeny=169\.254\.169\.254\/32 fd00:ec2::254\/128$/m)
    const started = readFileSync(join(SCRIPTS, 'agent-start.sh'), 'utf8')
    expect(started).toContain('/sys/fs/cgroup/meseta.slice/meseta-tasks.service')
  })

  test('those that run look for the release that was deployed last', () => {
    template.hasResourceProperties('AWS::SSM::Parameter', {
      Type: 'String',
      Value: Match.objectLike({ 'Fn::Join': Match.anyValue() }),
    })
  })

  test('nobody can call in', () => {
    expect(JSON.stringify(template.findResources('AWS::EC2::SecurityGroup'))).not.toContain(
      'SecurityGroupIngress',
    )
    template.resourceCountIs('AWS::EC2::SecurityGroupIngress', 0)
  })

  test('their role reads its files, calls the agent path and beats, nothing else (A6, A22)', () => {
    const [policy] = Object.entries(template.findResources('AWS::IAM::Policy'))
      .filter(([id]) => id.startsWith('ClusterAgentRole'))
      .map(
        ([, { Properties }]) =>
          Properties.PolicyDocument.Statement as { Action: unknown; Resource: unknown }[],
      )
    expect([...new Set(policy?.map(({ Action }) => Action))].sort()).toEqual([
      'execute-api:Invoke',
      's3:GetObject',
      'sqs:SendMessage',
      'ssm:GetParameter',
    ])
    expect(JSON.stringify(policy)).not.toContain('*')
    expect(JSON.stringify(policy)).toContain('/prod/POST/api/v1/agent')
  })
})

describe('install.sh', () => {
  const roots: string[] = []
  afterAll(() => {
    for (const root of roots) rmSync(root, { recursive: true, force: true })
  })
  const emptyRoot = () => {
    const root = mkdtempSync(join(tmpdir(), 'meseta-root-'))
    roots.push(root)
    return root
  }
  // A small program in place of the large one: it is copied and hashed each time.
  const node = join(mkdtempSync(join(tmpdir(), 'meseta-node-')), 'node')
  writeFileSync(node, `#!/bin/sh\nexec '${process.execPath}' "$@"\n`, { mode: 0o755 })
  const install = (root: string, variables: Record<string, string> = {}, bundle?: string) =>
    spawnSync('bash', [join(SCRIPTS, 'install.sh'), bundle ?? join(stubBundles(), 'agent'), node], {
      encoding: 'utf8',
      env: {
        PATH: process.env.PATH ?? '',
        DESTDIR: root,
        MESETA_URL: 'https://cluster.example/prod/',
        MESETA_REGION: 'eu-west-1',
        ...variables,
      },
    })

  test('every script is sound shell', () => {
    for (const script of readdirSync(SCRIPTS).filter((file) => file.endsWith('.sh')))
      execFileSync('bash', ['-n', join(SCRIPTS, script)])
  })

  test('makes a machine an agent, and again with a newer bundle; the one before stays beside it', () => {
    const root = emptyRoot()
    const bundle = join(stubBundles(), 'agent')
    const releases = () => readdirSync(join(root, 'opt/meseta/releases')).sort()
    const seen: string[] = []
    for (const text of ['', '// Newer.', '// Newest.']) {
      writeFileSync(join(bundle, 'main.mjs'), text)
      expect(install(root, {}, bundle)).toMatchObject({ status: 0, stderr: '' })
      seen.push(basename(readlinkSync(join(root, 'opt/meseta/current'))))
    }
    expect(new Set(seen).size).toBe(3)
    expect(releases()).toEqual(seen.slice(1).sort())
    expect(install(root, {}, bundle)).toMatchObject({ status: 0, stderr: '' })
    expect(releases()).toEqual([seen[2]])
    const current = join(root, 'opt/meseta/current')
    expect(readFileSync(join(current, 'bundle/main.mjs'), 'utf8')).toBe('// Newest.')
    const version = execFileSync(join(current, 'node'), ['--version'], { encoding: 'utf8' })
    expect(version.trim()).toBe(process.version)
  })

  test('writes settings for its user alone, and units that name what is there', () => {
    const root = emptyRoot()
    expect(install(root, { MESETA_GROUP: 'workers' })).toMatchObject({ status: 0, stderr: '' })
    const settings = join(root, 'etc/meseta/agent.env')
    expect(readFileSync(settings, 'utf8')).toContain('MESETA_URL=https://cluster.example/prod/\n')
    expect(statSync(settings).mode & 0o077).toBe(0)
    const units = readdirSync(join(root, 'etc/systemd/system'))
    expect(units.sort()).toEqual([
      'meseta-agent-update.service',
      'meseta-agent-update.timer',
      'meseta-agent.service',
      'meseta-tasks.service',
      'meseta.slice',
    ])
    for (const unit of units) {
      const text = readFileSync(join(root, 'etc/systemd/system', unit), 'utf8')
      for (const [, file = ''] of text.matchAll(/(?:ExecStart|EnvironmentFile)=(\/(?:opt|etc)\S+)/g))
        expect(existsSync(join(root, file)), `${unit} names ${file}`).toBe(true)
    }
  })

  test('says what is missing', () => {
    const root = emptyRoot()
    const { status, stderr } = install(root, { MESETA_URL: '' })
    expect(status).toBe(1)
    expect(stderr).toContain('MESETA_URL is not set')
  })
})
