// `LIST_DELIVERIES` of `POST /api/v1/meseta`: how it stands with frameworks that are told by webhook or queue.
import { allowed } from '../../master/authorization/acls.ts'
import type { Framework, Lease } from '../../master/model.ts'
import { all } from '../../store/store.ts'
import type { Asker } from '../authorize.ts'
import type { Environment } from '../environment.ts'
import { type HttpAnswer, json } from '../http/types.ts'

/** Frameworks in one answer. */
const MAX_LISTED = 100

/** Never the secret: a framework's own is known to it, one that we chose it was told at SUBSCRIBE. */
export async function listDeliveries(env: Environment, { principal }: Asker): Promise<HttpAnswer> {
  const frameworks = (await all(env.store, 'frameworks', {}))
    .map(({ item }) => item)
    .filter(({ delivery, state }) => delivery !== undefined && state !== 'removed')
    .filter(({ info }) => allowed(env.settings.acls, 'view_frameworks', principal, info.user))
    .slice(0, MAX_LISTED)
  const leases = await env.store.getMany(
    'lease',
    frameworks.map(({ frameworkId }) => ({ frameworkId })),
  )
  const deliveries = frameworks.map((framework, index) => shown(framework, leases[index]))
  return json(200, { type: 'LIST_DELIVERIES', deliveries })
}

function shown({ frameworkId, delivery, state, epoch }: Framework, lease: Lease | undefined): object {
  const notifying = lease?.notifying?.epoch === epoch ? lease.notifying : undefined
  const at = (time: number | undefined) => (time === undefined ? undefined : new Date(time).toISOString())
  return {
    framework_id: frameworkId,
    kind: delivery?.kind,
    url: delivery?.url,
    connected: state === 'connected',
    failures: notifying?.failures ?? 0,
    last_failure: notifying?.why,
    next_try_at: at(notifying?.nextTryAt),
    // Without a good delivery until then it is disconnected.
    session_until: state === 'connected' ? at(lease?.expiresAt) : undefined,
  }
}
