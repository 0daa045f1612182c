// Subscribes when the cluster does not know the framework as connected; called by a schedule.
import { get, post } from './calls.ts'
import type { Settings } from './settings.ts'

/** Tasks go on so long without us: a week. */
const FAILOVER_SECONDS = 7 * 24 * 3_600

/** True if it subscribed, false if it was subscribed already. */
export async function stayOn(settings: Settings, isForced: boolean): Promise<boolean> {
  if (!isForced && (await isConnected(settings))) return false
  await subscribe(settings)
  return true
}

async function isConnected(settings: Settings): Promise<boolean> {
  const path = `/frameworks?framework_id=${encodeURIComponent(settings.frameworkId)}`
  const { frameworks } = await get<{
    frameworks: readonly { connected: boolean; labels?: readonly { key: string; value?: string }[] }[]
  }>(settings, path)
  return frameworks.some(
    ({ connected, labels = [] }) =>
      connected &&
      labels.some(({ key, value }) => key === 'meseta.delivery.url' && value === settings.deliveryUrl),
  )
}

async function subscribe(settings: Settings): Promise<void> {
  const id = { value: settings.frameworkId }
  const labels = [
    { key: 'meseta.delivery', value: settings.delivery },
    { key: 'meseta.delivery.url', value: settings.deliveryUrl },
  ]
  const framework_info = {
    id,
    user: 'root',
    name: settings.frameworkId,
    checkpoint: true,
    failover_timeout: FAILOVER_SECONDS,
    labels: { labels },
  }
  const call = { type: 'SUBSCRIBE', framework_id: id, subscribe: { framework_info } }
  const secret = settings.delivery === 'webhook' ? { 'meseta-webhook-secret': settings.webhookSecret } : {}
  const answer = await post(settings, '/api/v1/scheduler', call, secret)
  const text = await answer.text()
  // One record: SUBSCRIBED, or an ERROR that says why not. Behind it the body ends.
  if (!answer.ok || !text.includes('"SUBSCRIBED"'))
    throw new Error(`not subscribed: ${answer.status} ${text}`)
}
