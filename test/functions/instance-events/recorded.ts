// Events as EventBridge delivers them, in the shapes AWS documents, with ids of ours.

export const ACCOUNT = '111122223333'
const REGION = 'eu-central-1'

/** A state change; EC2 says it when the state is reached. */
export function stateChange(instanceId: string, state: string, time = '2026-11-22T20:00:00Z'): string {
  return JSON.stringify({
    version: '0',
    id: '7bf73129-1428-4cd3-a780-95db273d1602',
    'detail-type': 'EC2 Instance State-change Notification',
    source: 'aws.ec2',
    account: ACCOUNT,
    time,
    region: REGION,
    resources: [`arn:aws:ec2:${REGION}:${ACCOUNT}:instance/${instanceId}`],
    detail: { 'instance-id': instanceId, state },
  })
}

/** Two minutes before EC2 takes a Spot instance back. */
export function spotWarning(instanceId: string, time: string, action = 'terminate'): string {
  return JSON.stringify({
    version: '0',
    id: '1e5527d7-bb36-4607-3370-4164db56a40e',
    'detail-type': 'EC2 Spot Instance Interruption Warning',
    source: 'aws.ec2',
    account: ACCOUNT,
    time,
    region: REGION,
    resources: [`arn:aws:ec2:${REGION}b:instance/${instanceId}`],
    detail: { 'instance-id': instanceId, 'instance-action': action },
  })
}

export function rebalance(instanceId: string): string {
  return JSON.stringify({
    version: '0',
    id: '5d5555d5-dd55-5555-5555-5555dd55d55d',
    'detail-type': 'EC2 Instance Rebalance Recommendation',
    source: 'aws.ec2',
    account: ACCOUNT,
    time: '2026-11-22T20:00:00Z',
    region: REGION,
    resources: [`arn:aws:ec2:${REGION}b:instance/${instanceId}`],
    detail: { 'instance-id': instanceId },
  })
}

/** Auto Scaling is about to end an instance and waits for the hook. */
export function terminateHook(instanceId: string, token = '87654321-4321-4321-4321-210987654321'): string {
  return JSON.stringify({
    version: '0',
    id: '468fe059-f4b7-445f-bb22-2a271b94974d',
    'detail-type': 'EC2 Instance-terminate Lifecycle Action',
    source: 'aws.autoscaling',
    account: ACCOUNT,
    time: '2026-11-22T20:00:00Z',
    region: REGION,
    resources: [
      `arn:aws:autoscaling:${REGION}:${ACCOUNT}:autoScalingGroup:d4d3abe3-f1a2-4a55-9e1a-d8fca9d1c6aa:autoScalingGroupName/agents`,
    ],
    detail: {
      LifecycleActionToken: token,
      AutoScalingGroupName: 'agents',
      LifecycleHookName: 'drain',
      EC2InstanceId: instanceId,
      LifecycleTransition: 'autoscaling:EC2_INSTANCE_TERMINATING',
      Origin: 'AutoScalingGroup',
      Destination: 'EC2',
    },
  })
}

/** What a rule that is too wide brings along. */
export function launchSucceeded(instanceId: string): string {
  return JSON.stringify({
    version: '0',
    id: '3e3c153a-8339-4e30-8c35-687ebef853fe',
    'detail-type': 'EC2 Instance Launch Successful',
    source: 'aws.autoscaling',
    account: ACCOUNT,
    time: '2026-11-22T20:00:00Z',
    region: REGION,
    resources: [],
    detail: { StatusCode: 'InProgress', AutoScalingGroupName: 'agents', EC2InstanceId: instanceId },
  })
}
