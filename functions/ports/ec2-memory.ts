// EC2 in memory, for the simulator and for tests: instances that are run, stopped and terminated, and an EC2 that fails.
import type { InstanceSeen, InstanceState } from '../../master/detection/proof.ts'
import {
  type Ec2,
  INSTANCES_PER_CALL,
  isInstanceId,
  type LifecycleAction,
  type LifecycleActions,
} from './ec2.ts'

export interface MemoryEc2 extends Ec2, LifecycleActions {
  /** A new instance, running; its id. */
  run(): string
  /** Puts it into a state; a terminated one stays terminated, as with EC2. */
  become(instanceId: string, state: InstanceState, why?: string): void
  /** EC2 forgets terminated instances after about an hour. */
  forget(instanceId: string): void
  /** From now on every call fails for this reason, or is answered again. */
  failWith(reason: string | undefined): void
  /** A hook that waits; `complete` answers `over` for any other. */
  wait(action: LifecycleAction, instanceId: string): void
  readonly calls: number
  readonly completed: readonly string[]
}

export function memoryEc2(): MemoryEc2 {
  const instances = new Map<string, InstanceSeen>()
  const waiting = new Map<string, string>()
  const completed: string[] = []
  let made = 0
  let calls = 0
  let failure: string | undefined
  return {
    get calls() {
      return calls
    },
    completed,
    run() {
      const id = `i-${(++made).toString(16).padStart(17, '0')}`
      instances.set(id, { state: 'running' })
      return id
    },
    become(id, state, why) {
      if (instances.get(id)?.state !== 'terminated') instances.set(id, { state, why })
    },
    forget(id) {
      instances.delete(id)
    },
    failWith(reason) {
      failure = reason
    },
    wait(action, instanceId) {
      waiting.set(action.token, instanceId)
    },
    async lookUp(instanceIds, signal) {
      const ids = [...new Set(instanceIds)].filter(isInstanceId)
      const asked = Math.ceil(ids.length / INSTANCES_PER_CALL)
      calls += asked
      if (signal?.aborted) return { seen: new Map(), calls: asked, failed: 'EC2 did not answer in time' }
      if (failure !== undefined) return { seen: new Map(), calls: asked, failed: failure }
      const seen = ids.flatMap((id) => {
        const one = instances.get(id)
        return one === undefined ? [] : [[id, one] as const]
      })
      return { seen: new Map(seen), calls: asked }
    },
    async complete({ token }, instanceId) {
      if (failure !== undefined) throw new Error(failure)
      if (waiting.get(token) !== instanceId) return 'over'
      waiting.delete(token)
      completed.push(token)
      return 'completed'
    },
  }
}
