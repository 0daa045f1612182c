// The rights of every role of the synthesized stack as a table for people: docs/security.md holds it.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Template } from 'aws-cdk-lib/assertions'
import { pascal } from '../../cdk/functions.ts'
import { FUNCTIONS } from '../../cdk/props.ts'
import { ROOT } from '../vitest.ts'
import { policiesOf, type Statement } from './iam.ts'

const PAGE = join(ROOT, 'docs', 'security.md')
const BEGIN = '<!-- rights: begin -->'
const END = '<!-- rights: end -->'

const PREFACE = `Written by \`npm run rights -- --write\` from the stack as it is synthesized, with one group of machines and no optional
rights; a test holds it true, and another runs whole clusters with each function behind its own role. *Keys* are how
partition keys of the one table begin (\`dynamodb:LeadingKeys\`): what stands inside an item IAM does not see, so these
bounds keep a function out of what is not its business, and not from mischief in what is. Every function may make the
cluster's item, because any of them can be the first that is ever called. Agents' queues are made when agents register,
hence the one star in names; \`ec2:DescribeInstances\` knows no resources. What an agent may take from its own queue, that
queue's policy says, to its instance alone.`

/** What stands between the marks now; undefined without them. */
export function writtenRights(): string | undefined {
  const page = readFileSync(PAGE, 'utf8')
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)]
  return from < 0 || to < from ? undefined : page.slice(from + BEGIN.length, to).trim()
}

/** Puts the table between the marks. Throws when the page has none. */
export function writeRights(table: string): void {
  if (writtenRights() === undefined) throw new Error(`docs/security.md has no marks ${BEGIN} and ${END}`)
  const page = readFileSync(PAGE, 'utf8')
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)]
  writeFileSync(PAGE, `${page.slice(0, from + BEGIN.length)}\n${table}\n${page.slice(to)}`)
}

/** A row per statement, functions first in their order, then every other role. */
export function rightsTable(template: Template): string {
  const policies = policiesOf(template)
  const managed = managedOf(template)
  const functionRoles = FUNCTIONS.map((name) => `ClusterFunctions${pascal(name)}Role`)
  const others = [...new Set([...policies.keys(), ...managed.keys()])]
    .filter((role) => !functionRoles.includes(role))
    .sort()
  const rows = [...functionRoles, ...others].flatMap((role) => [
    ...(policies.get(role) ?? []).map((one) => ({ role, ...wordsOf(one) })),
    ...(managed.get(role) ?? []).map((policy) => ({ role, may: `what \`${policy}\` says`, on: '' })),
  ])
  // One row for all roll-outs, which differ in nothing.
  const lines = new Set(rows.map(({ role, may, on }) => `| ${nameOf(role)} | ${may} | ${on} |`))
  return [PREFACE, '', '| role | may | on |', '| --- | --- | --- |', ...lines].join('\n')
}

function nameOf(role: string): string {
  const fn = FUNCTIONS.find((name) => `ClusterFunctions${pascal(name)}Role` === role)
  if (fn !== undefined) return `\`${fn}\``
  if (/^ClusterFunctions\w+Rollout/.test(role)) return 'roll-outs (CodeDeploy)'
  const known: Readonly<Record<string, string>> = {
    ClusterAgentRole: "agents' machines",
    ClusterSchedulerRole: 'the schedule of each minute',
    ClusterApiCloudWatchRole: 'API Gateway, for its access log',
    ClusterAgentsNetworkAllIAMRole: "the network's flow log",
  }
  return known[role] ?? role
}

function wordsOf({ effect, actions, resources, conditions }: Statement): {
  readonly may: string
  readonly on: string
} {
  const service = actions[0]?.split(':')[0] ?? ''
  const may = `${effect === 'Allow' ? '' : '**not** '}\`${service}\`: ${actions
    .map((action) => action.slice(service.length + 1))
    .sort()
    .join(', ')}`
  const on = [...new Set(resources.map(placeOf))].join(', ')
  const limits = Object.values(conditions).flatMap((tests) =>
    Object.entries(tests).map(([key, values]) => limitOf(key, values)),
  )
  return { may, on: [on, ...limits].join(', ') }
}

function limitOf(key: string, values: readonly string[]): string {
  if (key === 'dynamodb:LeadingKeys') return `keys ${values.map((value) => `\`${value}\``).join(' ')}`
  return key === 'aws:RequestedRegion' ? 'in its region' : `\`${key}\` ${values.join(' ')}`
}

function placeOf(resource: string): string {
  if (resource === '*') return 'every resource (EC2 knows none here)'
  if (resource === 'ClusterTable') return 'the table'
  if (resource === 'ClusterPrincipals') return "the principals' secret"
  if (/Logs?$/.test(resource)) return 'its log'
  const queue = /:sqs:.*:([^:]+)$/.exec(resource)?.[1]
  if (queue !== undefined) return `\`${queue}\``
  const group = /autoScalingGroupName\/(.*)$/.exec(resource)?.[1]
  if (group !== undefined) return `the group \`${group}\``
  if (resource.includes(':execute-api:')) {
    const [, , method, ...path] = resource.split('/')
    return `\`${method} /${path.join('/')}\``
  }
  const fn = FUNCTIONS.find((name) => resource.startsWith(`ClusterFunctions${pascal(name)}Live`))
  if (fn !== undefined) return `the function \`${fn}\``
  if (resource.includes(':s3:::')) return 'its own files in the bucket of deployments'
  return `\`${resource}\``
}

function managedOf(template: Template): ReadonlyMap<string, readonly string[]> {
  const roles = Object.entries(template.findResources('AWS::IAM::Role'))
  return new Map(
    roles.flatMap(([id, { Properties }]) => {
      const arns = JSON.stringify(Properties.ManagedPolicyArns ?? [])
      const names = [...arns.matchAll(/policy\/(?:service-role\/)?(\w+)/g)].map(([, name]) => name ?? '')
      return names.length === 0 ? [] : [[id.replace(/[0-9A-F]{8}$/, ''), names]]
    }),
  )
}
