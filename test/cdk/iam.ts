// IAM as far as the stack uses it: the policies of a template, and whether they let somebody do something.
//
// No emulator here enforces rights, so this stands before the store and the queues in tests.
import type { Template } from 'aws-cdk-lib/assertions'

export interface Statement {
  readonly effect: string
  readonly actions: readonly string[]
  /** With `*` as in IAM; what AWS fills in stands as `<AWS::Region>`. */
  readonly resources: readonly string[]
  readonly conditions: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>
}

export interface Asked {
  readonly action: string
  readonly resource: string
  /** Partition keys the call names, where it is one of the table's. */
  readonly keys?: readonly string[] | undefined
}

/** By the logical id of the role, without its hash. */
export type Policies = ReadonlyMap<string, readonly Statement[]>

interface RawPolicy {
  readonly Roles: readonly { readonly Ref: string }[]
  readonly PolicyDocument: { readonly Statement: readonly Readonly<Record<string, unknown>>[] }
}

/** The statements of every role's policies. */
export function policiesOf(template: Template): Policies {
  const found = new Map<string, Statement[]>()
  const name = namesIn(template)
  for (const { Properties } of Object.values(template.findResources('AWS::IAM::Policy'))) {
    // CloudFormation's own shape.
    const policy = Properties as RawPolicy
    for (const { Ref } of policy.Roles) {
      const statements = policy.PolicyDocument.Statement.map((one) => statementOf(one, name))
      found.set(plain(Ref), [...(found.get(plain(Ref)) ?? []), ...statements])
    }
  }
  return found
}

/** Whether any statement allows it, and none denies it. Throws for what this reading of IAM does not know. */
export function isAllowed(statements: readonly Statement[], asked: Asked): boolean {
  const matching = statements.filter(
    ({ actions, resources, conditions }) =>
      actions.some((action) => isLike(asked.action, action)) &&
      resources.some((resource) => isLike(asked.resource, resource)) &&
      holds(conditions, asked),
  )
  return (
    matching.some(({ effect }) => effect === 'Allow') && matching.every(({ effect }) => effect === 'Allow')
  )
}

function holds(conditions: Statement['conditions'], { keys = [] }: Asked): boolean {
  return Object.entries(conditions).every(([operator, tests]) =>
    Object.entries(tests).every(([key, values]) => {
      if (operator === 'StringEquals' && key === 'aws:RequestedRegion')
        return values.join() === '<AWS::Region>'
      if (operator === 'ForAllValues:StringLike' && key === 'dynamodb:LeadingKeys')
        return keys.every((one) => values.some((value) => isLike(one, value)))
      throw new Error(`this test does not know the condition ${operator} on ${key}`)
    }),
  )
}

function isLike(text: string, pattern: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 's').test(text)
}

type NameOf = (logicalId: string) => string

/** `arn:<AWS::Partition>:sqs:<AWS::Region>:<AWS::AccountId>:meseta-ticks`, and so on for what rights speak of. */
export function queueArn(name: string): string {
  return `arn:<AWS::Partition>:sqs:<AWS::Region>:<AWS::AccountId>:${name}`
}

function namesIn(template: Template): NameOf {
  const queues = template.findResources('AWS::SQS::Queue')
  return (logicalId) => {
    const queue = queues[logicalId]
    return queue === undefined ? plain(logicalId) : queueArn(String(queue.Properties.QueueName))
  }
}

function statementOf(raw: Readonly<Record<string, unknown>>, name: NameOf): Statement {
  const conditions = Object.entries(
    (raw.Condition ?? {}) as Readonly<Record<string, Record<string, unknown>>>,
  )
  return {
    effect: String(raw.Effect),
    actions: [raw.Action].flat().map(String),
    resources: [raw.Resource].flat().map((one) => textOf(one, name)),
    conditions: Object.fromEntries(
      conditions.map(([operator, tests]) => [
        operator,
        Object.fromEntries(
          Object.entries(tests).map(([key, values]) => [
            key,
            [values].flat().map((one) => textOf(one, name)),
          ]),
        ),
      ]),
    ),
  }
}

interface Intrinsic {
  readonly Ref?: string
  readonly 'Fn::Sub'?: string
  readonly 'Fn::GetAtt'?: readonly [string, string]
  readonly 'Fn::Join'?: readonly [string, readonly unknown[]]
}

/** What CloudFormation would make of it, with names in place of what only AWS knows. */
function textOf(value: unknown, name: NameOf): string {
  if (typeof value === 'string') return value
  // Only these are in the policies of this stack; anything else fails below.
  const { Ref, 'Fn::GetAtt': attribute, 'Fn::Join': join, 'Fn::Sub': text } = (value ?? {}) as Intrinsic
  if (text !== undefined) return text.replaceAll(/\$\{(AWS::\w+)\}/g, '<$1>')
  if (Ref !== undefined) return Ref.startsWith('AWS::') ? `<${Ref}>` : name(Ref)
  if (attribute !== undefined) return name(attribute[0])
  if (join !== undefined) return join[1].map((part) => textOf(part, name)).join(join[0])
  throw new Error(`this test cannot read ${JSON.stringify(value)}`)
}

/** Without the hash at its end. */
function plain(logicalId: string): string {
  return logicalId.replace(/[0-9A-F]{8}$/, '')
}
