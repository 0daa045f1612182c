// SQS on this machine: fauxqs inside this process, on loopback.
//
// Its own start function binds all interfaces, so the Fastify application is built and listened with here. Persistence
// is wired as that start function does it; the two classes are not exported, hence the import by file.
import { mkdirSync } from 'node:fs'

export interface SqsEmulator {
  readonly endpoint: string
  /** For so many ms every request breaks off, those under way too; then all is as before. */
  cutOff(ms: number): void
  stop(): Promise<void>
}

/** Starts the emulator on a port (0: any); with `dataDir` queues and messages survive the process. */
export async function startSqsEmulator(options: {
  readonly port: number
  readonly dataDir?: string | undefined
}): Promise<SqsEmulator> {
  const { buildApp } = await import('fauxqs')
  const stores = options.dataDir === undefined ? undefined : await persistentStores(options.dataDir)
  const app = buildApp({
    logger: false,
    host: '127.0.0.1',
    ...(stores === undefined ? {} : { stores: stores.stores }),
  })
  if (stores !== undefined) app.addHook('preClose', async () => stores.close())
  let cutUntil = 0
  app.addHook('onRequest', async (request, reply) => {
    if (Date.now() >= cutUntil) return
    reply.hijack()
    request.raw.destroy()
  })
  const address = await app.listen({ port: options.port, host: '127.0.0.1' })
  return {
    endpoint: address,
    cutOff(ms) {
      cutUntil = Date.now() + ms
      app.server.closeAllConnections()
    },
    async stop() {
      // Long polls are open requests; they are ended, not waited for.
      app.server.closeAllConnections()
      await app.close()
    },
  }
}

type Stores = NonNullable<NonNullable<Parameters<typeof import('fauxqs').buildApp>[0]>['stores']>

async function persistentStores(dataDir: string): Promise<{ readonly stores: Stores; close(): void }> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const at = (file: string) => new URL(file, import.meta.resolve('fauxqs')).href
  const [{ SqsStore }, { SnsStore }, { S3Store }, { PersistenceManager }] = await Promise.all([
    import(at('./sqs/sqsStore.js')),
    import(at('./sns/snsStore.js')),
    import(at('./s3/s3Store.js')),
    import(at('./persistence.js')),
  ])
  const sqsStore = new SqsStore()
  const stores = { sqsStore, snsStore: new SnsStore(), s3Store: new S3Store() }
  const persistence = new PersistenceManager(dataDir)
  // Written to the disk at checkpoints, not with each message: a kill -9 of ours loses nothing, and of what the last
  // moment before a power cut loses, messages are only nudges and beats.
  persistence.db.exec('PRAGMA synchronous = NORMAL')
  // Loaded before the persistence is wired in: otherwise loading writes what it reads and loses rows on the way.
  persistence.loadSqsAndSns(stores.sqsStore, stores.snsStore)
  // A message put back at once makes the emulator write NULL where its own table wants the number of deliveries, and
  // the request fails; that number is left as it is.
  const ready = persistence.db.prepare(
    'UPDATE sqs_messages SET receipt_handle = NULL, visibility_deadline = NULL WHERE message_id = ?',
  )
  persistence.updateMessageReady = (messageId: string) => void ready.run(messageId)
  sqsStore.persistence = persistence
  for (const queue of sqsStore.allQueues()) queue.persistence = persistence
  return { stores, close: () => persistence.close() }
}
