// EC2, read in with the first question: its client is larger than all the rest, and most invocations ask nothing.

import type { Ec2, LifecycleActions } from '../ports/ec2.ts'
import type { Ec2ClientOptions } from '../ports/ec2-client.ts'

export function lazyEc2(options: Ec2ClientOptions): Ec2 & LifecycleActions {
  let reading: Promise<Ec2 & LifecycleActions> | undefined
  const client = () => {
    reading ??= import('../ports/ec2-client.ts').then(({ ec2Client }) => ec2Client(options))
    return reading
  }
  return {
    lookUp: async (instanceIds, signal) => (await client()).lookUp(instanceIds, signal),
    complete: async (action, instanceId, signal) => (await client()).complete(action, instanceId, signal),
  }
}
