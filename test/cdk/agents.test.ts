// The machines: what their template says, what they may do, and the install script in an empty root.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Match } from 'aws-cdk-lib/assertions'
import { beforeAll, describe, expect, test } from 'vitest'
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
    ])
    expect(JSON.stringify(policy)).not.toContain('*')
    expect(JSON.stringify(policy)).toContain('/prod/POST/api/v1/agent')
  })
})

describe('install.sh', () => {
  const install = (root: string, variables: Record<string, string> = {}) =>
    spawnSync('bash', [join(SCRIPTS, 'install.sh'), join(stubBundles(), 'agent'), process.execPath], {
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

  test('makes a machine an agent, and again with a newer bundle', () => {
    const root = mkdtempSync(join(tmpdir(), 'meseta-root-'))
    expect(install(root)).toMatchObject({ status: 0, stderr: '' })
    const first = readlinkSync(join(root, 'opt/meseta/agent'))
    expect(install(root)).toMatchObject({ status: 0, stderr: '' })
    expect(readlinkSync(join(root, 'opt/meseta/agent'))).not.toBe(first)
    expect(existsSync(join(root, 'opt/meseta/agent/main.mjs'))).toBe(true)
    expect(readFileSync(join(root, 'etc/meseta/agent.env'), 'utf8')).toContain(
      'MESETA_URL=https://cluster.example/prod/\n',
    )
    expect(readdirSync(join(root, 'etc/systemd/system')).sort()).toEqual([
      'meseta-agent.service',
      'meseta-tasks.service',
      'meseta.slice',
    ])
    const version = execFileSync(join(root, 'opt/meseta/bin/node'), ['--version'], { encoding: 'utf8' })
    expect(version.trim()).toBe(process.version)
  })

  test('says what is missing', () => {
    const root = mkdtempSync(join(tmpdir(), 'meseta-root-'))
    const { status, stderr } = install(root, { MESETA_URL: '' })
    expect(status).toBe(1)
    expect(stderr).toContain('MESETA_URL is not set')
  })
})
