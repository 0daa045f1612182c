// A client repeats an ACCEPT it got no answer to: the call has its effect once, and nothing wrong is said of its tasks.
import { describe, expect, test } from 'vitest'
import { type Store, StoreUnavailable } from '../../store/store.ts'
import { accepting, puts, type Stage, stage } from './stage.ts'

async function launched(on: Stage, taskId: string) {
  const [run, task, ledger] = await Promise.all([
    on.agent.run(on.framework, taskId),
    on.agent.task(on.framework, taskId),
    on.agent.ledger(),
  ])
  return { run, task, generation: ledger.generation }
}

describe('accept-repeated-after-timeout', () => {
  test('accept-repeated-after-timeout: the first try is slow, the repeat is faster', async () => {
    const on = await stage()
    const accept = await accepting(on, ['t'])
    const paused = on.pause(puts('run'))
    const first = on.call(accept)
    await paused.reached
    expect(await on.call(accept)).toBe(202)
    const before = await launched(on, 't')
    await on.agent.nudges()
    paused.release()
    expect(await first).toBe(202)
    expect(await launched(on, 't')).toEqual(before)
    expect(await on.agent.nudges()).toEqual([])
    expect(before.run).toMatchObject({ wanted: 'run', version: 1 })
    expect(await on.look()).toEqual([])
    await on.w.check()
  })

  test.each([
    ['soon', 0],
    ['when the offer would have expired', 10 * 60_000],
  ])(
    'accept-repeated-after-timeout: the answer was lost with its worker, and the client tries again %s',
    async (_, ms) => {
      const fault = { isOn: false }
      const on = await stage({
        store: (store): Store => ({
          ...store,
          async commit(changes, token) {
            const result = await store.commit(changes, token)
            if (fault.isOn) throw new StoreUnavailable('the answer is lost')
            return result
          },
        }),
      })
      const accept = await accepting(on, ['t'])
      fault.isOn = true
      await expect(on.call(accept)).rejects.toThrow('lost')
      fault.isOn = false
      const before = await launched(on, 't')
      on.w.clock.move(ms)
      expect(await on.call(accept)).toBe(202)
      expect(await launched(on, 't')).toEqual(before)
      expect(await on.look()).toEqual([])
    },
  )
})

describe('accept-repeated-after-finish', () => {
  async function finished(acknowledged: boolean): Promise<{ on: Stage; repeat: () => Promise<number> }> {
    const on = await stage()
    const { agent, framework } = on
    const accept = await accepting(on, ['t'])
    expect(await on.call(accept)).toBe(202)
    const task = await agent.task(framework, 't')
    if (task === undefined) throw new Error('not launched')
    agent.tasks.set('t', {
      frameworkId: framework.frameworkId,
      taskId: 't',
      state: 'TASK_STAGING',
      lastUpdate: 0,
      launchIncarnation: task.launchIncarnation,
      launchGeneration: task.launchGeneration,
      role: '*',
      resources: [],
    })
    await agent.update('t', 'TASK_FINISHED')
    await on.look()
    if (acknowledged) {
      const { uuid = '' } = (await agent.task(framework, 't'))?.custody[0] ?? {}
      const acknowledge = { agent_id: { value: agent.id }, task_id: { value: 't' }, uuid }
      expect(await on.call({ type: 'ACKNOWLEDGE', acknowledge })).toBe(202)
    }
    return { on, repeat: () => on.call(accept) }
  }

  test.each([
    ['before its end was acknowledged', false, 0],
    ['after its end was acknowledged', true, 0],
    ['nearly an hour after that', true, 59 * 60_000],
  ])('accept-repeated-after-finish, %s: silence, and no second launch', async (_, acknowledged, ms) => {
    const { on, repeat } = await finished(acknowledged)
    // The ledger remembers its latest ACCEPTs only; the task itself is the evidence that stays.
    for (let other = 0; other < 20; other++) await on.agent.launch(on.framework, [`other${other}`])
    expect((await on.agent.ledger()).accepts).toHaveLength(16)
    on.w.clock.move(ms)
    const before = await launched(on, 't')
    expect(before.run).toBeUndefined()
    expect(await repeat()).toBe(202)
    expect(await launched(on, 't')).toEqual(before)
    await on.look()
    expect(on.said('t').filter((state) => state !== 'TASK_FINISHED')).toEqual([])
    await on.w.check()
  })
})
