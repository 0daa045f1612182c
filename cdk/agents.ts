// stub while being written
import type { RemovalPolicy } from 'aws-cdk-lib'
import type { IVpc } from 'aws-cdk-lib/aws-ec2'
import type { RetentionDays } from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import type { AgentGroupProps } from './props.ts'
import type { Queues } from './queues.ts'
export interface AgentsProps {
  readonly prefix: string
  readonly bundlesDir: string
  readonly groups: readonly AgentGroupProps[]
  readonly vpc: IVpc | undefined
  readonly url: string
  readonly agentPathArn: string
  readonly queues: Queues
  readonly logRetention: RetentionDays
  readonly removalPolicy: RemovalPolicy
}
export function agentGroups(_scope: Construct, _props: AgentsProps): void {}
