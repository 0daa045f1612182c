// A whole Mesos framework as one Lambda function: it keeps N copies of a command running, and remembers nothing.
//
// Meseta calls it: by webhook through its function URL, or through its own SQS FIFO queue. It calls Meseta by HTTPS.
// A schedule calls it every few minutes; then it subscribes, if it is not.

import { type Delivery, handle } from './framework.ts'
import { type Settings, settingsOf } from './settings.ts'
import { isSigned } from './signature.ts'
import { stayOn } from './subscription.ts'

/** What calls the function: a function URL, a queue, or a schedule. */
export interface Request {
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly body?: string
  readonly isBase64Encoded?: boolean
  readonly Records?: readonly { readonly messageId: string; readonly body: string }[]
  /** Of a schedule: the function's own URL, which it cannot be deployed with. */
  readonly deliveryUrl?: string
  /** With this the framework subscribes even if it is. */
  readonly subscribe?: boolean
}

/** The function. Whatever it throws makes the caller come again, which is harmless. */
export async function handler(request: Request): Promise<object> {
  const settings = settingsOf(process.env)
  if (request.Records !== undefined) return await fromQueue(settings, request.Records)
  if (request.body !== undefined) return await fromWebhook(settings, request)
  const { deliveryUrl = settings.deliveryUrl, subscribe = false } = request
  return { subscribed: await stayOn({ ...settings, deliveryUrl }, subscribe) }
}

async function fromWebhook(settings: Settings, request: Request): Promise<object> {
  const { headers = {}, body = '', isBase64Encoded = false } = request
  const text = isBase64Encoded ? Buffer.from(body, 'base64').toString() : body
  // Before anything is read of it: anybody can call a function URL.
  if (!isSigned(settings.webhookSecret, headers, text, Date.now())) return { statusCode: 401 }
  await handle(settings, JSON.parse(text) as Delivery)
  return { statusCode: 200 }
}

/** In order: what comes behind a message that failed waits for it. */
async function fromQueue(settings: Settings, records: NonNullable<Request['Records']>): Promise<object> {
  for (const [index, { body }] of records.entries()) {
    try {
      await handle(settings, JSON.parse(body) as Delivery)
    } catch (error) {
      console.error(error)
      return {
        batchItemFailures: records.slice(index).map(({ messageId }) => ({ itemIdentifier: messageId })),
      }
    }
  }
  return { batchItemFailures: [] }
}
