// A framework behind the connector, on a whole cluster in one process: it must not notice what happens behind it.
import { afterEach, describe, expect, test } from 'vitest'
import { type ClusterOptions, startCluster, type TestCluster } from '../cluster.ts'
import { commandTask, TestFramework } from '../framework.ts'
import { type Connector, startConnector } from './connector.ts'

const open: { stop(): Promise<void> }[] = []

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop()
})

async function world(options: ClusterOptions = {}): Promise<{ cluster: TestCluster; connector: Connector }> {
  const cluster = await startCluster({ store: 'memory', ...options })
  open.push(cluster)
  const connector = await startConnector({ url: () => cluster.url, clock: cluster.clock })
  open.push(connector)
  return { cluster, connector }
}

describe('a framework behind the connector', () => {
  test.each(['application/json', 'application/x-protobuf'] as const)(
    'C33 C34 it subscribes, launches and hears of the end in %s',
    async (encoding) => {
      const { connector } = await world()
      const framework = await TestFramework.subscribe(connector.url, { encoding })
      expect(framework.status).toBe(200)
      const offer = await framework.offerOf(0.1, 32)
      expect((await framework.launch([offer], [commandTask(offer, 't', 'true')])).status).toBe(202)
      await framework.update('t', 'TASK_FINISHED')
      expect(framework.events.slice(0, 2).map(({ type }) => type)).toEqual(['SUBSCRIBED', 'HEARTBEAT'])
      framework.close()
    },
  )
})
