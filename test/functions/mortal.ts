// A function that dies, or falls asleep, at one of the calls it makes to table and queues.
import type { Environment } from '../../functions/environment.ts'

export class Died extends Error {}

export type Fate =
  /** Nothing of the call arrives; nothing follows. */
  | { readonly kind: 'dies before'; readonly call: number }
  /** The call takes effect, its answer is never heard; nothing follows. */
  | { readonly kind: 'dies after'; readonly call: number }
  /** It sleeps before the call while `meanwhile` happens, then goes on. */
  | { readonly kind: 'sleeps'; readonly call: number; meanwhile(): Promise<void> }

export interface Mortal {
  readonly env: Environment
  /** Calls made so far, as `table.commit`. */
  readonly calls: readonly string[]
}

const ANSWERED_BY_ITSELF = new Set(['clock', 'beatsQueueUrl', 'endpoint', 'then'])

/** The environment of one invocation; without a fate it only counts. */
export function mortal(env: Environment, fate?: Fate): Mortal {
  const calls: string[] = []
  let isDead = false
  const watched = <T extends object>(of: T, name: string): T =>
    new Proxy(of, {
      get(target, property, receiver) {
        const value = Reflect.get(target, property, receiver)
        if (typeof value !== 'function' || ANSWERED_BY_ITSELF.has(String(property))) return value
        return async (...args: readonly unknown[]) => {
          if (isDead) throw new Died('dead for good')
          calls.push(`${name}.${String(property)}`)
          if (calls.length !== fate?.call) return await value.apply(target, args)
          if (fate.kind === 'sleeps') {
            await fate.meanwhile()
            return await value.apply(target, args)
          }
          isDead = true
          if (fate.kind === 'dies after') await value.apply(target, args)
          throw new Died(`${fate.kind} call ${fate.call}`)
        }
      },
    })
  return { env: { ...env, store: watched(env.store, 'table'), queues: watched(env.queues, 'queue') }, calls }
}
