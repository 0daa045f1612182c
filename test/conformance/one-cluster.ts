// One cluster for all tests of a file, and the frameworks that each of them subscribes: gone before the next one.
import { afterAll, afterEach, beforeAll } from 'vitest'
import { startCluster, type TestCluster } from '../cluster.ts'
import { type SubscribeOptions, TestFramework } from '../framework.ts'
import { teardown } from './waiting.ts'

export let cluster: TestCluster
let frameworks: TestFramework[] = []

/** Begins the cluster before the tests of the file, and ends it behind them. */
export function onOneCluster(options: Parameters<typeof startCluster>[0] = {}): void {
  beforeAll(async () => {
    cluster = await startCluster(options)
  })
  afterAll(() => cluster.stop())
  afterEach(async () => {
    await teardown(cluster, frameworks)
    frameworks = []
  })
}

/** A framework that is torn down behind the test. */
export async function subscribe(options: SubscribeOptions = {}): Promise<TestFramework> {
  const framework = await TestFramework.subscribe(cluster.url, options)
  frameworks.push(framework)
  return framework
}
