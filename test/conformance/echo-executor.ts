// An executor as a framework would bring it, run as a process of its own: it runs tasks by doing nothing, echoes every
// MESSAGE, and on SHUTDOWN exits with 7.
import { randomBytes } from 'node:crypto'
import { request } from 'node:http'

const [host = '', port = ''] = (process.env.MESOS_AGENT_ENDPOINT ?? '').split(':')
const ids = {
  framework_id: { value: process.env.MESOS_FRAMEWORK_ID },
  executor_id: { value: process.env.MESOS_EXECUTOR_ID },
}

interface Event {
  readonly type: string
  readonly launch?: { readonly task: { readonly task_id: { readonly value: string } } }
  readonly kill?: { readonly task_id: { readonly value: string } }
  readonly message?: { readonly data: string }
}

const subscription = send({ type: 'SUBSCRIBE', subscribe: {} }, (response) => {
  let buffered = Buffer.alloc(0)
  response.on('data', (chunk: Buffer) => {
    buffered = Buffer.concat([buffered, chunk])
    for (;;) {
      const head = buffered.indexOf(10)
      const length = Number(buffered.subarray(0, Math.max(head, 0)))
      if (head < 0 || buffered.length < head + 1 + length) return
      const event = JSON.parse(buffered.subarray(head + 1, head + 1 + length).toString()) as Event
      buffered = buffered.subarray(head + 1 + length)
      take(event)
    }
  })
  response.on('close', () => process.exit(0))
})
subscription.on('error', () => process.exit(1))

function take({ type, launch, kill, message }: Event): void {
  if (type === 'MESSAGE') send({ type: 'MESSAGE', message })
  if (launch !== undefined) update(launch.task.task_id.value, 'TASK_RUNNING')
  if (kill !== undefined) update(kill.task_id.value, 'TASK_KILLED')
  if (type === 'SHUTDOWN') process.exit(7)
}

function update(taskId: string, state: string): void {
  const uuid = randomBytes(16).toString('base64')
  const status = { task_id: { value: taskId }, state, source: 'SOURCE_EXECUTOR', uuid }
  send({ type: 'UPDATE', update: { status } })
}

function send(call: object, onAnswer?: Parameters<typeof request>[2]): ReturnType<typeof request> {
  const sent = request(
    {
      host,
      port,
      path: '/api/v1/executor',
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
    },
    onAnswer,
  )
  sent.end(JSON.stringify({ ...ids, ...call }))
  return sent
}
