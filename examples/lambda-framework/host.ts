// Hosts the function's webhook on 127.0.0.1, as its function URL would, and subscribes at a cluster that runs here.
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import { handler } from './handler.ts'

export interface Hosted {
  /** Ends the host; the framework stays subscribed, as a function does that nobody calls. */
  close(): Promise<void>
}

/** Starts the host, sets the environment of the function as its deployment would, and subscribes. */
export async function host(options: {
  readonly url: string
  readonly tasks: number
  readonly command: string
  readonly frameworkId?: string
}): Promise<Hosted> {
  const server = createServer(async (request, response) => {
    try {
      const answer = await handler({
        headers: request.headers as Record<string, string>,
        body: await textOf(request),
      })
      response.writeHead('statusCode' in answer ? Number(answer.statusCode) : 200).end()
    } catch (error) {
      // As Lambda does: the caller hears of the failure and comes again.
      console.error(String(error))
      response.writeHead(502).end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  Object.assign(process.env, {
    MESETA_URL: options.url,
    TASKS: String(options.tasks),
    COMMAND: options.command,
    DELIVERY: 'webhook',
    DELIVERY_URL: `http://127.0.0.1:${port}/`,
    WEBHOOK_SECRET: randomBytes(24).toString('hex'),
    FRAMEWORK_ID: options.frameworkId ?? 'lambda-framework',
  })
  await handler({ subscribe: true })
  return {
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
