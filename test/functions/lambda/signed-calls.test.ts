// What goes over the wire to AWS: signed as AWS would check it, repeated where that helps.
import { createHash, createHmac } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { afterEach, expect, test, vi } from 'vitest'
import { sdkCalls } from '../../../functions/lambda/in-place-of-sqs-client.ts'
import { dynamoCalls, sqsCalls } from '../../../functions/lambda/signed-calls.ts'
import { addressOf } from '../../../functions/ports/signature.ts'
import { readXml, textOf } from '../../../functions/ports/xml.ts'
import { systemClock } from '../../../protocol/clock.ts'

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret', sessionToken: 'the session' }
const region = 'eu-central-1'

interface Asked {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

const closes: (() => void)[] = []
afterEach(() => {
  for (const close of closes.splice(0)) close()
})

/** Answers call after call as told, the last answer for ever. */
async function service(answers: readonly { readonly status: number; readonly body: string }[]) {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      asked.push({ headers: request.headers, body: Buffer.concat(chunks).toString() })
      const answer = answers[Math.min(asked.length, answers.length) - 1]
      response
        .writeHead(answer?.status ?? 200, { 'content-type': 'application/x-amz-json-1.0' })
        .end(answer?.body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closes.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  return { asked, endpoint: `http://127.0.0.1:${port}` }
}

/** The signature AWS would compute from what arrived (Signature Version 4, without any code of the signer). */
function expectedSignature({ headers, body }: Asked, name: string): string {
  const hex = (text: string) => createHash('sha256').update(text).digest('hex')
  const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
  const [, signedNames = ''] = /SignedHeaders=([^,]+)/.exec(headers.authorization ?? '') ?? []
  const canonicalHeaders = signedNames
    .split(';')
    .map((header) => `${header}:${String(headers[header]).trim()}\n`)
    .join('')
  const canonical = ['POST', '/', '', canonicalHeaders, signedNames, hex(body)].join('\n')
  const at = String(headers['x-amz-date'])
  const day = at.slice(0, 8)
  const scope = `${day}/${region}/${name}/aws4_request`
  const toSign = ['AWS4-HMAC-SHA256', at, scope, hex(canonical)].join('\n')
  const key = [day, region, name, 'aws4_request'].reduce<string | Buffer>(
    hmac,
    `AWS4${credentials.secretAccessKey}`,
  )
  return createHmac('sha256', key).update(toSign).digest('hex')
}

test('A6 the table is called with a signature that what arrived proves, over host, date, target and session', async () => {
  const { asked, endpoint } = await service([
    { status: 200, body: '{"Item":{"pk":{"S":"été"},"body":{"B":"aGk="}}}' },
  ])
  const calls = dynamoCalls({ region, credentials, endpoint })
  closes.push(() => calls.close())
  const Key = { pk: { S: 'été' }, sk: { S: 'x' } }
  const { Item } = await calls.call('GetItem', { TableName: 't', Key, ConsistentRead: true })
  expect(Buffer.from(Item?.body?.B ?? []).toString()).toBe('hi')
  const [only] = asked
  if (only === undefined) return expect.fail('nothing was asked')
  expect(only.headers).toMatchObject({
    'x-amz-target': 'DynamoDB_20120810.GetItem',
    'x-amz-security-token': 'the session',
    'content-type': 'application/x-amz-json-1.0',
  })
  const authorization = only.headers.authorization ?? ''
  expect(authorization).toContain(
    `Credential=AKIDEXAMPLE/${only.headers['x-amz-date']?.slice(0, 8)}/${region}/dynamodb/`,
  )
  for (const name of ['host', 'x-amz-date', 'x-amz-target', 'x-amz-security-token']) {
    expect(authorization).toMatch(new RegExp(`SignedHeaders=[^,]*\\b${name}\\b`))
  }
  expect(authorization).toContain(`Signature=${expectedSignature(only, 'dynamodb')}`)
})

test('H1 a write is tried once: repeating it is the store’s, with evidence', async () => {
  const error = JSON.stringify({
    __type: 'com.amazonaws.dynamodb.v20120810#InternalServerError',
    message: 'oh',
  })
  const { asked, endpoint } = await service([{ status: 500, body: error }])
  const calls = dynamoCalls({ region, credentials, endpoint })
  closes.push(() => calls.close())
  const put = calls.call('PutItem', { TableName: 't', Item: {} })
  await expect(put).rejects.toMatchObject({ name: 'InternalServerError' })
  expect(asked).toHaveLength(1)
})

test('a message is sent again where the error passes by itself, with the same deduplication id', async () => {
  const throttled = {
    status: 400,
    body: '{"__type":"com.amazonaws.sqs#ThrottlingException","message":"slower"}',
  }
  const { asked, endpoint } = await service([
    throttled,
    { status: 503, body: 'busy' },
    { status: 200, body: '{}' },
  ])
  const calls = sqsCalls({ region, credentials, endpoint }, systemClock)
  closes.push(() => calls.close())
  await calls.call('SendMessage', { QueueUrl: 'q', MessageBody: '{}', MessageDeduplicationId: 'd1' })
  expect(asked.map(({ body }) => JSON.parse(body).MessageDeduplicationId)).toEqual(['d1', 'd1', 'd1'])
  for (const one of asked) expect(one.headers.authorization).toContain(expectedSignature(one, 'sqs'))
})

test('what no repeat can help is thrown at once, under SQS’s own name', async () => {
  const missing = { status: 400, body: '{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no"}' }
  const { asked, endpoint } = await service([missing])
  const calls = sqsCalls({ region, credentials, endpoint }, systemClock)
  closes.push(() => calls.close())
  await expect(calls.call('GetQueueUrl', { QueueName: 'q' })).rejects.toMatchObject({
    name: 'QueueDoesNotExist',
  })
  expect(asked).toHaveLength(1)
})

test('whom to call, by the region', () => {
  expect(addressOf('sqs', 'eu-central-1')).toBe('https://sqs.eu-central-1.amazonaws.com')
  expect(addressOf('dynamodb', 'cn-north-1')).toBe('https://dynamodb.cn-north-1.amazonaws.com.cn')
})

test('AWS itself is never called unsigned', () => {
  expect(() => dynamoCalls({ region, credentials: undefined })).toThrow('AWS wants its calls signed')
})

test('XML of AWS is read: prefixes, attributes, entities, empty elements; what is cut off is nothing', () => {
  const xml = `<?xml version="1.0"?><!-- a --><ns:a xmlns:ns="u" b="c"><d/><e>1 &lt; 2 &amp;&#x20;&#51;</e><f><g>h</g></f></ns:a>`
  const root = readXml(xml)
  expect(root?.name).toBe('a')
  expect(textOf(root, 'e')).toBe('1 < 2 & 3')
  expect(textOf(root, 'f', 'g')).toBe('h')
  expect(textOf(root, 'd')).toBe('')
  expect(textOf(root, 'x', 'y')).toBeUndefined()
  for (let end = 1; end < xml.length; end++) expect(readXml(xml.slice(0, end))).toBeUndefined()
  for (const wrong of ['', 'text', '<a></b>', '</a>', '<a>'.repeat(100)])
    expect(readXml(wrong)).toBeUndefined()
})

test('what stands in bundles in place of the SDK’s client of SQS signs with the role’s credentials', async () => {
  const { asked, endpoint } = await service([{ status: 200, body: '{}' }])
  vi.stubEnv('AWS_ACCESS_KEY_ID', credentials.accessKeyId)
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', credentials.secretAccessKey)
  vi.stubEnv('AWS_SESSION_TOKEN', credentials.sessionToken)
  closes.push(() => void vi.unstubAllEnvs())
  const calls = sdkCalls({ region, endpoint })
  closes.push(() => calls.close())
  await calls.call('SendMessageBatch', { QueueUrl: 'theirs', Entries: [{ Id: '0', MessageBody: '{}' }] })
  const [only] = asked
  expect(only?.headers.authorization).toContain(only === undefined ? '' : expectedSignature(only, 'sqs'))
})
