// Everything that can be set, from environment variables.

export interface Settings {
  /** Of the cluster, without `/api/v1`. */
  readonly url: string
  /** Chosen by us: a function remembers nothing, so the name of the framework is its id. */
  readonly frameworkId: string
  /** How many copies of the command. */
  readonly tasks: number
  readonly command: string
  readonly cpus: number
  readonly mem: number
  readonly delivery: 'webhook' | 'sqs'
  /** The function's own URL, or that of its queue: needed to subscribe. */
  readonly deliveryUrl: string
  /** At least 32 characters; webhooks are signed with it. */
  readonly webhookSecret: string
  /** Sent with each call, such as `Basic …`; empty where the cluster asks for nothing. */
  readonly authorization: string
}

export function settingsOf(env: Readonly<Record<string, string | undefined>>): Settings {
  return {
    url: needed(env, 'MESETA_URL').replace(/\/+$/, ''),
    frameworkId: env.FRAMEWORK_ID ?? 'lambda-framework',
    tasks: Number(env.TASKS ?? 3),
    command: env.COMMAND ?? 'sleep 3600',
    cpus: Number(env.CPUS ?? 0.1),
    mem: Number(env.MEM ?? 32),
    delivery: env.DELIVERY === 'sqs' ? 'sqs' : 'webhook',
    deliveryUrl: env.DELIVERY_URL ?? '',
    webhookSecret: env.WEBHOOK_SECRET ?? '',
    authorization: env.AUTHORIZATION ?? '',
  }
}

function needed(env: Readonly<Record<string, string | undefined>>, name: string): string {
  const value = env[name]
  if (value === undefined || value === '') throw new Error(`the environment variable ${name} is needed`)
  return value
}
