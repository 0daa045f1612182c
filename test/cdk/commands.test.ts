// What the commands of deployment read and write: principals as the authorizer takes them, outputs, context.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { clusterOf, contextOf } from '../../cdk/commands/options.ts'
import { completeOutputs, forgetOutputs, readOutputs } from '../../cdk/commands/outputs.ts'
import { newSecret, principalsOf, withoutPrincipal, withPrincipal } from '../../cdk/commands/principals.ts'
import { authenticated, readPrincipals } from '../../functions/lambda/credentials.ts'

const EMPTY = '{"principals":[]}'

describe('npm run credentials', () => {
  const header = (principal: string, secret: string) =>
    `Basic ${Buffer.from(`${principal}:${secret}`).toString('base64')}`

  test('A9: what it writes is what the authorizer takes, and never the secret itself', async () => {
    const secret = newSecret()
    const text = await withPrincipal(EMPTY, 'me', secret)
    expect(text).not.toContain(secret)
    expect(await authenticated(header('me', secret), readPrincipals(text))).toBe('me')
    expect(await authenticated(header('me', `${secret}x`), readPrincipals(text))).toBeUndefined()
  })

  test('a principal is replaced, the others stay', async () => {
    const one = await withPrincipal(EMPTY, 'one', 'the first secret')
    const two = await withPrincipal(one, 'two', 'another secret')
    const again = await withPrincipal(two, 'one', 'a later secret')
    expect(principalsOf(again).map(({ principal }) => principal)).toEqual(['two', 'one'])
    expect(await authenticated(header('one', 'the first secret'), readPrincipals(again))).toBeUndefined()
    expect(await authenticated(header('two', 'another secret'), readPrincipals(again))).toBe('two')
    expect(principalsOf(withoutPrincipal(again, 'two')).map(({ principal }) => principal)).toEqual(['one'])
  })

  test('what cannot be sent or guessed easily is refused, in words without the secret’s content', async () => {
    await expect(withPrincipal(EMPTY, 'a:b', 'long enough a secret')).rejects.toThrow('without a colon')
    await expect(withPrincipal(EMPTY, 'me', 'short')).rejects.toThrow('12 characters')
    await expect(withPrincipal('{"password":"hunter2"}', 'me', 'long enough a secret')).rejects.toThrow(
      /^the secret is not of the form(?!.*hunter2)/,
    )
    expect(() => withoutPrincipal(EMPTY, 'me')).toThrow('there is no principal me')
  })
})

describe('context that commands read before they pass it on', () => {
  test('the last one counts, in each way the CDK takes it', () => {
    expect(contextOf(['-c', 'prefix=a', '--context', 'prefix=b=c'], 'prefix')).toBe('b=c')
    expect(contextOf(['--context=prefix=a'], 'prefix')).toBe('a')
    expect(contextOf(['-c', 'prefixes=a', '--profile', 'prefix=b'], 'prefix')).toBeUndefined()
    expect(clusterOf(['-c', 'stackName=Second', '-c', 'prefix=second'])).toEqual({
      stack: 'Second',
      prefix: 'second',
    })
  })
})

describe('meseta-outputs.json', () => {
  let folder = ''
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  test('an emulator’s address stands in for AWS’s; other stacks stay; a stack that went is forgotten', () => {
    folder = mkdtempSync(join(tmpdir(), 'meseta-outputs-'))
    const file = join(folder, 'outputs.json')
    const said = {
      Url: 'https://abc.execute-api.us-east-1.amazonaws.com/prod/',
      ApiId: 'abc',
      TableName: 'Meseta-Table',
      QueuePrefix: 'meseta',
      SecretArn: 'arn',
      ClusterApiEndpointE8144915: 'https://abc.execute-api.us-east-1.amazonaws.com/prod/',
    }
    writeFileSync(file, JSON.stringify({ Meseta: said, Second: { ...said, ApiId: 'def' } }))
    expect(completeOutputs('Second', undefined, file).Url).toBe(
      'https://abc.execute-api.us-east-1.amazonaws.com/prod',
    )
    const { Url, Endpoint } = completeOutputs('Meseta', 'http://127.0.0.1:4566', file)
    expect(Url).toBe('http://127.0.0.1:4566/_aws/execute-api/abc/prod')
    expect(Endpoint).toBe('http://127.0.0.1:4566')
    expect(readOutputs('Meseta', file).Url).toBe(Url)
    forgetOutputs('Meseta', file)
    expect(Object.keys(JSON.parse(readFileSync(file, 'utf8')))).toEqual(['Second'])
    expect(() => readOutputs('Meseta', file)).toThrow('npm run deploy')
  })
})
