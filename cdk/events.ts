// What AWS says of machines: into the queue of instance events, faster than beats and free.
import { type EventPattern, Rule } from 'aws-cdk-lib/aws-events'
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets'
import type { Queue } from 'aws-cdk-lib/aws-sqs'
import { Construct } from 'constructs'

/** The shapes functions/instance-events/read-event.ts reads. State changes of all machines: the function knows its own. */
const PATTERNS: Readonly<Record<string, EventPattern>> = {
  StateChange: {
    source: ['aws.ec2'],
    detailType: ['EC2 Instance State-change Notification'],
    detail: { state: ['shutting-down', 'terminated', 'stopping', 'stopped'] },
  },
  SpotInterruption: { source: ['aws.ec2'], detailType: ['EC2 Spot Instance Interruption Warning'] },
  Rebalance: { source: ['aws.ec2'], detailType: ['EC2 Instance Rebalance Recommendation'] },
}

/** @param groupNames of the cluster's own Auto Scaling groups: no other group's hook is ours to end */
export function instanceEventRules(parent: Construct, queue: Queue, groupNames: readonly string[]): void {
  const scope = new Construct(parent, 'Rules')
  for (const [id, eventPattern] of Object.entries(PATTERNS)) rule(scope, id, eventPattern, queue)
  if (groupNames.length === 0) return
  const pattern: EventPattern = {
    source: ['aws.autoscaling'],
    detailType: ['EC2 Instance-terminate Lifecycle Action'],
    detail: { AutoScalingGroupName: [...groupNames] },
  }
  rule(scope, 'Termination', pattern, queue)
}

/** The target's policy names the rule as the source, so that no other account's rule can write here (A23). */
function rule(scope: Construct, id: string, eventPattern: EventPattern, queue: Queue): void {
  new Rule(scope, id, { description: `Meseta: ${id}`, eventPattern, targets: [new SqsQueue(queue)] })
}
