// All ledgers, a page at a time: for the few things that concern every agent a framework may have touched.
import type { Ledger } from '../../master/model.ts'
import type { Environment } from '../environment.ts'

/** DynamoDB: one round trip of reads. */
const AGENTS_PER_PAGE = 100

/** By the agent index; an agent that registers meanwhile may be missed. */
export async function* everyLedger(env: Environment): AsyncIterable<Ledger> {
  for (let shard = 0; shard < env.settings.agentIndexShards; shard++) {
    let after: string | undefined
    do {
      const page = await env.store.query('agents', { shard }, { after, limit: AGENTS_PER_PAGE })
      const refs = page.found.map(({ item }) => ({ agentId: item.agentId }))
      const ledgers = refs.length === 0 ? [] : await env.store.getMany('ledger', refs)
      for (const ledger of ledgers) if (ledger !== undefined) yield ledger
      after = page.next
    } while (after !== undefined)
  }
}
