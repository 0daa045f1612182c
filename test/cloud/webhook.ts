// A framework that is called by webhook: the notifier, a Lambda, delivers to a host on loopback; ten tasks run.
import { host } from '../../examples/lambda-framework/host.ts'
import type { Part } from './run.ts'
import { TASKS, tenRun } from './ten.ts'

export const webhook: Part = async (cloud, connector, told) => {
  process.env.AUTHORIZATION = cloud.authorization
  const frameworkId = 'by-webhook'
  const hosted = await host({ url: cloud.url, tasks: TASKS, command: 'sleep 1000', frameworkId })
  try {
    await tenRun(connector, frameworkId, told)
  } finally {
    await connector.meseta('framework', 'teardown', frameworkId)
    await hosted.close()
  }
}
