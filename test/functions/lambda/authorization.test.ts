// Who passes the gateway: HTTP Basic against the salted hashes of the cluster's secret.
import { expect, test } from 'vitest'
import { authorizer } from '../../../functions/lambda/authorization.ts'
import { principalEntry, readPrincipals } from '../../../functions/lambda/credentials.ts'

const methodArn = 'arn:aws:execute-api:eu-central-1:123456789012:abcdef1234/prod/POST/api/v1/scheduler'
const basic = (principal: string, secret: string) =>
  `Basic ${Buffer.from(`${principal}:${secret}`).toString('base64')}`

async function gate(secrets: Record<string, string> = { marathon: 'pa:ss', ops: 'été' }) {
  const entries = await Promise.all(
    Object.entries(secrets).map(([name, secret]) => principalEntry(name, secret)),
  )
  const at = { now: 1_760_000_000_000, reads: 0, secret: JSON.stringify({ principals: entries }), logged: '' }
  const log = (event: string, fields?: object) => {
    at.logged += `${event} ${JSON.stringify(fields)}`
  }
  const handler = authorizer({
    readSecret: async () => {
      at.reads++
      if (at.secret === 'away') throw new Error('Secrets Manager is away')
      return at.secret
    },
    clock: { now: () => at.now },
    log: { info: log, warn: log, error: log },
  })
  const ask = (authorization?: string, name = 'Authorization') =>
    handler({ methodArn, headers: authorization === undefined ? null : { [name]: authorization } })
  return { at, ask }
}

test('the right secret: the principal, flat, and a policy for the whole stage', async () => {
  const { ask } = await gate()
  expect(await ask(basic('marathon', 'pa:ss'))).toEqual({
    principalId: 'marathon',
    policyDocument: {
      Version: '2012-10-17',
      Statement: [
        {
          Action: 'execute-api:Invoke',
          Effect: 'Allow',
          Resource: 'arn:aws:execute-api:eu-central-1:123456789012:abcdef1234/prod/*',
        },
      ],
    },
    context: { principal: 'marathon' },
  })
  expect((await ask(basic('ops', 'été'), 'authorization')).principalId).toBe('ops')
})

test.each([
  ['nothing', undefined],
  ['another secret', basic('marathon', 'pass')],
  ['an empty one', basic('marathon', '')],
  ['an unknown principal', basic('root', 'pa:ss')],
  ['the hash itself', 'Basic eyJwcmluY2lwYWxzIjpbXX0='],
  ['another scheme', 'Bearer pa:ss'],
  ['no base64', 'Basic !!'],
])('%s is Unauthorized, which the gateway answers with 401', async (_, header) => {
  const { ask } = await gate()
  await expect(ask(header)).rejects.toThrow(/^Unauthorized$/)
})

test('the secret is read once in five minutes, then anew', async () => {
  const { at, ask } = await gate({ a: '1' })
  await ask(basic('a', '1'))
  await ask(basic('a', '1'))
  expect(at.reads).toBe(1)
  at.secret = JSON.stringify({ principals: [await principalEntry('a', '2')] })
  at.now += 5 * 60_000
  await expect(ask(basic('a', '1'))).rejects.toThrow('Unauthorized')
  await ask(basic('a', '2'))
  expect(at.reads).toBe(2)
})

test('while the secret cannot be read, what was read before still counts; without any it is no 401', async () => {
  const { at, ask } = await gate({ a: '1' })
  await ask(basic('a', '1'))
  at.secret = 'away'
  at.now += 5 * 60_000
  await ask(basic('a', '1'))
  expect(at.logged).toContain('secret not read')
  const first = await gate({ a: '1' })
  first.at.secret = 'away'
  await expect(first.ask(basic('a', '1'))).rejects.toThrow('Secrets Manager is away')
})

test('a secret of another form is a sentence that shows nothing of it', () => {
  for (const secret of [
    'hunter2',
    '{"password":"hunter2"}',
    '{"principals":[{"principal":"hunter2"}]}',
    'null',
  ]) {
    expect(() => readPrincipals(secret)).toThrow(/principals|principal, salt and hash/)
    expect(() => readPrincipals(secret)).not.toThrow(/hunter2/)
  }
})

test('salts differ, so equal secrets cannot be told', async () => {
  const [one, other] = await Promise.all([principalEntry('a', 'x'), principalEntry('b', 'x')])
  expect(one.hash).not.toBe(other.hash)
})
