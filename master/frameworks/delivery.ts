// How a framework wants to be told: by a stream, or by deliveries of the notifier, as labels of its FrameworkInfo say.
import type { FrameworkInfo } from '../../protocol/messages.ts'
import type { Delivery } from '../model.ts'

export const DELIVERY_LABEL = 'meseta.delivery'
export const DELIVERY_URL_LABEL = 'meseta.delivery.url'

/** Longer ones are cut by somebody on the way. */
const MAX_URL_LENGTH = 2_048

/** Where events are delivered; undefined: they are read from a stream. For an info without `deliveryError`. */
export function deliveryOf(info: FrameworkInfo): Pick<Delivery, 'kind' | 'url'> | undefined {
  const [kind] = values(info, DELIVERY_LABEL)
  const [url = ''] = values(info, DELIVERY_URL_LABEL)
  return kind === 'webhook' || kind === 'sqs' ? { kind, url } : undefined
}

/** What is wrong with the labels by themselves; whether the URL may be reached is for the functions to say. */
export function deliveryError(info: FrameworkInfo): string | undefined {
  const kinds = values(info, DELIVERY_LABEL)
  const urls = values(info, DELIVERY_URL_LABEL)
  if (kinds.length > 1) return `The label '${DELIVERY_LABEL}' is there more than once`
  if (urls.length > 1) return `The label '${DELIVERY_URL_LABEL}' is there more than once`
  const [kind = 'stream'] = kinds
  const [url] = urls
  if (kind !== 'stream' && kind !== 'webhook' && kind !== 'sqs')
    return `The label '${DELIVERY_LABEL}' must be 'stream', 'webhook' or 'sqs'`
  if (kind === 'stream')
    return url === undefined
      ? undefined
      : `The label '${DELIVERY_URL_LABEL}' needs '${DELIVERY_LABEL}' to be 'webhook' or 'sqs'`
  if (url === undefined || url === '') return `Delivery by ${kind} needs the label '${DELIVERY_URL_LABEL}'`
  return url.length > MAX_URL_LENGTH
    ? `The label '${DELIVERY_URL_LABEL}' has more than ${MAX_URL_LENGTH} characters`
    : undefined
}

function values({ labels }: FrameworkInfo, key: string): string[] {
  return (labels?.labels ?? []).filter((label) => label.key === key).map(({ value }) => value ?? '')
}
