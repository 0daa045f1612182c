// The numbers alarms are set on: what they say when something is wrong, and that what they count is really said.
import { globSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { metrics } from '../../../functions/operator/metrics.ts'
import { WATCHED } from '../../../functions/operator/watch.ts'
import { type World, world } from '../agents/world.ts'

async function read(w: World): Promise<Readonly<Record<string, number>>> {
  return await metrics({ env: w.env, feed: { listeners: () => 0 }, bornAt: async () => w.clock.now() })
}

describe('numbers of alarms', () => {
  test('a healthy cluster: ticks and canaries are young, nobody is silent, nothing waits', async () => {
    const w = await world()
    await w.agent()
    await w.run(30_000)
    expect(await read(w)).toMatchObject({
      'meseta/detector/tick_age_secs': 0,
      'meseta/detector/oldest_canary_age_secs': 0,
      'meseta/detector/hearing_secs': 29,
      'meseta/detector/guard_secs': 0,
      'meseta/agents/suspect': 0,
      'meseta/updates/unacknowledged': 0,
      'meseta/updates/oldest_unacknowledged_secs': 0,
    })
  })

  test('a detector that stands still, a consumer that does: ages grow', async () => {
    const w = await world()
    await w.agent()
    await w.run(5_000)
    await w.run(20_000, { deaf: true })
    expect(await read(w)).toMatchObject({
      'meseta/detector/tick_age_secs': 0,
      'meseta/detector/oldest_canary_age_secs': 20,
    })
    w.clock.move(60_000)
    expect(await read(w)).toMatchObject({ 'meseta/detector/tick_age_secs': 60 })
    await w.run(2_000)
    expect((await read(w))['meseta/detector/hearing_secs']).toBeLessThan(3)
  })

  test('F20: the guard that holds back says since when; who is silent is counted', async () => {
    const w = await world()
    const agents = await Promise.all(Array.from({ length: 10 }, () => w.agent()))
    await w.run(5_000)
    for (const agent of agents.slice(0, 5)) agent.isUp = false
    await w.run(7_000)
    expect(await read(w)).toMatchObject({ 'meseta/agents/suspect': 5, 'meseta/detector/guard_secs': 0 })
    await w.run(8_000)
    const held = await read(w)
    expect(held['meseta/detector/guard_secs']).toBeGreaterThan(0)
    expect(held['meseta/agents/longest_silence_secs']).toBeGreaterThan(9)
  })

  test('a framework that never acknowledges is named with the age of its oldest update', async () => {
    const w = await world()
    const framework = await w.framework({ name: 'mute one' })
    const agent = await w.agent()
    await agent.launch(framework, ['t1'])
    await agent.update('t1', 'TASK_RUNNING')
    await agent.update('t1', 'TASK_FINISHED')
    await w.run(40_000)
    const name = `master/frameworks/mute%20one/${framework.frameworkId}/oldest_unacknowledged_secs`
    expect(await read(w)).toMatchObject({
      'meseta/updates/unacknowledged': 2,
      'meseta/updates/oldest_unacknowledged_secs': 40,
      [name]: 40,
    })
  })

  test('what is counted is what the code says', () => {
    const sources = globSync('{functions,store,local}/**/*.ts')
      .filter((path) => !path.endsWith('operator/watch.ts'))
      .map((path) => readFileSync(path, 'utf8'))
      .join('\n')
    expect(WATCHED.filter((event) => !sources.includes(`'${event}'`))).toEqual([])
  })
})
