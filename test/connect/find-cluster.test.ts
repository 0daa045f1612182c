// A cluster by the name of its stack: written down, remembered, asked of a CloudFormation that is played here.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { forget } from '../../connect/find/address-book.ts'
import { findCluster, type Wanted } from '../../connect/find/find-cluster.ts'
import { FindError } from '../../connect/find/find-error.ts'
import type { Clock } from '../../protocol/clock.ts'

let server: Server
let endpoint = ''
let asked: { body: string; authorization: string }[] = []
let answering = { status: 200, body: '' }
let folder = ''
let environment: NodeJS.ProcessEnv = {}
let nowMs = 0
const clock = { now: () => nowMs } as Clock

beforeAll(async () => {
  server = createServer(async (request, response) => {
    asked.push({ body: await text(request), authorization: request.headers.authorization ?? '' })
    response.writeHead(answering.status, { 'content-type': 'text/xml' }).end(answering.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => void server.close())
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meseta-find-'))
  environment = { HOME: folder, AWS_ENDPOINT_URL: endpoint, AWS_REGION: 'eu-west-1' }
  asked = []
  answering = { status: 200, body: stack({ ...OUTPUTS }) }
  nowMs = Date.UTC(2026, 0, 1)
  return () => rmSync(folder, { recursive: true, force: true })
})

const OUTPUTS = { Url: 'https://abc.x/prod/', ApiId: 'abc', TableName: 'a&b', QueuePrefix: 'meseta' }
const find = (wanted: Wanted) => findCluster(wanted, { environment, clock, folder })

describe('asked of CloudFormation', () => {
  test('one signed call; then the address is known for four hours, in a file of the user alone', async () => {
    const url = `${endpoint}/_aws/execute-api/abc/prod`
    expect(await find({ stack: 'Meseta' })).toEqual({ url, region: 'eu-west-1', how: 'asked' })
    expect(asked).toEqual([
      {
        body: 'Action=DescribeStacks&Version=2010-05-15&StackName=Meseta',
        authorization: expect.stringMatching(
          /^AWS4-HMAC-SHA256 Credential=\w+\/20260101\/eu-west-1\/cloudformation\/aws4_request, /,
        ),
      },
    ])
    expect(await find({ stack: 'Meseta' })).toMatchObject({ url, how: 'remembered' })
    expect(statSync(join(folder, '.cache', 'meseta', 'addresses.json')).mode & 0o777).toBe(0o600)
    nowMs += 4 * 60 * 60_000
    expect((await find({ stack: 'Meseta' })).how).toBe('asked')
  })

  test('an address that leads nowhere is forgotten; other names, regions and credentials are others', async () => {
    const { url } = await find({ stack: 'Meseta' })
    expect((await find({ stack: 'Meseta', region: 'us-east-1' })).how).toBe('asked')
    expect((await find({ stack: 'Other' })).how).toBe('asked')
    expect(forget(url, environment)).toBe(true)
    expect(forget(url, environment)).toBe(false)
    expect((await find({ stack: 'Meseta' })).how).toBe('asked')
  })

  test('a cache that is broken or cannot be written does no harm', async () => {
    const file = join(folder, '.cache', 'meseta', 'addresses.json')
    mkdirSync(join(folder, '.cache', 'meseta'), { recursive: true })
    writeFileSync(file, '{"a": 1')
    expect((await find({ stack: 'Meseta' })).how).toBe('asked')
    expect(JSON.parse(readFileSync(file, 'utf8'))).not.toEqual({})
    environment = { ...environment, XDG_CACHE_HOME: '/dev/null' }
    expect((await find({ stack: 'Meseta' })).how).toBe('asked')
  })

  test('several clusters in a stack: one is named, or the sentence lists them', async () => {
    const second = Object.fromEntries(Object.entries(OUTPUTS).map(([key, value]) => [`Second${key}`, value]))
    answering.body = stack({ ...OUTPUTS, ...second, SecondApiId: 'def' })
    await expect(find({ stack: 'App' })).rejects.toThrow(
      'the stack App holds several clusters; name one: App/Cluster, App/Second',
    )
    expect((await find({ stack: 'App/Second' })).url).toContain('/def/')
    expect((await find({ stack: 'App/Cluster' })).url).toContain('/abc/')
    await expect(find({ stack: 'App/Third' })).rejects.toThrow('the stack App has no cluster Third; it has')
  })

  test.each([
    [400, error('ValidationError', 'Stack with id Meseta does not exist'), 'notFound', /^there is no stack/],
    [
      403,
      error('AccessDenied', 'User: x is not authorized'),
      'refused',
      /need cloudformation:DescribeStacks/,
    ],
    [403, error('ExpiredToken', 'expired'), 'refused', /does not take these credentials \(ExpiredToken/],
    [400, error('Throttling', 'Rate exceeded'), 'unreachable', /Throttling: Rate exceeded; try again/],
    [500, 'no XML at all', 'unreachable', /answers 500: no XML at all/],
    [200, stack({}, 'CREATE_IN_PROGRESS'), 'notFound', /is CREATE_IN_PROGRESS; try again when/],
    [200, stack({ Url: 'https://blog.example' }), 'notFound', /says no address; is it a cluster of Meseta/],
  ] as const)('%s becomes a sentence', async (status, body, kind, sentence) => {
    answering = { status, body }
    const problem = await find({ stack: 'Meseta' }).catch((thrown: unknown) => thrown)
    expect(problem).toBeInstanceOf(FindError)
    expect(problem).toMatchObject({ kind, message: expect.stringMatching(sentence) })
  })

  test('nobody there, no region, no name', async () => {
    await expect(find({ stack: 'a b' })).rejects.toThrow('"a b" is no name of a stack')
    environment = { ...environment, AWS_ENDPOINT_URL: 'http://127.0.0.1:1' }
    await expect(find({ stack: 'Meseta' })).rejects.toThrow(/does not answer at http:\/\/127.0.0.1:1 /)
    environment = { HOME: folder }
    await expect(find({ stack: 'Meseta' })).rejects.toThrow('give --region, such as --region eu-west-1')
    await expect(find({ stack: 'Meseta', region: 'x/y' })).rejects.toThrow('is no region of AWS')
  })

  test('the region of a profile is read from the AWS configuration', async () => {
    mkdirSync(join(folder, '.aws'))
    const config = '[default]\nregion = eu-north-1\n[profile work]\noutput=json\nregion= ap-south-1\n'
    writeFileSync(join(folder, '.aws', 'config'), config)
    environment = { HOME: folder, AWS_ENDPOINT_URL: endpoint }
    expect((await find({ stack: 'Meseta' })).region).toBe('eu-north-1')
    environment = { ...environment, AWS_REGION: 'eu-west-1' }
    expect((await find({ stack: 'Meseta' })).region).toBe('eu-west-1')
  })
})

describe('written down by a deployment', () => {
  const SecretArn = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:x'
  const write = (content: object, below = '') =>
    writeFileSync(join(folder, below, 'meseta-outputs.json'), JSON.stringify(content))

  test('in this folder or above it, without a call; not for another region', async () => {
    write({ Meseta: { ...OUTPUTS, SecretArn } })
    const deep = join(folder, 'a', 'b')
    mkdirSync(deep, { recursive: true })
    environment = { HOME: folder }
    const said = await findCluster({ stack: 'Meseta' }, { environment, clock, folder: deep })
    expect(said).toEqual({ url: 'https://abc.x/prod', region: 'eu-central-1', how: 'written down' })
    environment = { HOME: folder, AWS_ENDPOINT_URL: endpoint }
    expect((await find({ stack: 'Meseta', region: 'eu-west-1' })).how).toBe('asked')
    expect((await find({ stack: 'Other', region: 'eu-west-1' })).how).toBe('asked')
  })

  test('of an emulator by its own address; of another emulator not', async () => {
    write({ Meseta: { ...OUTPUTS, SecretArn, Endpoint: 'http://127.0.0.1:4566' } })
    environment = { HOME: folder }
    const url = 'http://127.0.0.1:4566/_aws/execute-api/abc/prod'
    expect(await find({ stack: 'Meseta' })).toMatchObject({ url, how: 'written down' })
    environment = { HOME: folder, AWS_ENDPOINT_URL: endpoint }
    expect((await find({ stack: 'Meseta' })).how).toBe('asked')
  })

  test('a broken file is named', async () => {
    writeFileSync(join(folder, 'meseta-outputs.json'), '{')
    await expect(find({ stack: 'Meseta' })).rejects.toThrow(/meseta-outputs.json cannot be read/)
  })
})

/** As CloudFormation answers DescribeStacks. */
function stack(outputs: Readonly<Record<string, string>>, status = 'CREATE_COMPLETE'): string {
  const members = Object.entries(outputs).map(
    ([key, value]) =>
      `<member><OutputKey>${key}</OutputKey>\n<OutputValue>${value.replaceAll('&', '&amp;')}</OutputValue></member>`,
  )
  return `<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult>
    <Stacks><member><StackName>Meseta</StackName><StackStatus>${status}</StackStatus>
    <Outputs>${members.join('\n')}</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`
}

function error(code: string, message: string): string {
  return `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`
}
