// Rights on Lambda: the principal is the one the gateway's authorizer found, whatever else a request says.
import { expect, test } from 'vitest'
import { requestOf } from '../../../functions/lambda/requests.ts'
import { settingsOf } from '../../../functions/lambda/settings.ts'
import { office, textOf } from '../operator/asking.ts'
import { restEvent } from './events.ts'

const ACLS = {
  permissive: false,
  view_flags: [{ principals: { values: ['ops'] }, flags: { type: 'ANY' } }],
}

async function ask(authorizer: Record<string, unknown> | null, headers: Record<string, string> = {}) {
  const there = await office({ acls: ACLS })
  const read = await requestOf(
    restEvent({
      resource: '/api/v1',
      path: '/api/v1',
      headers: { 'content-type': 'application/json', ...headers },
      multiValueHeaders: {},
      body: '{"type":"GET_FLAGS"}',
      requestContext: { stage: 'prod', authorizer },
    }),
  )
  if ('refused' in read) throw new Error('refused')
  return await there.handler(read.request)
}

test('what the authorizer says counts', async () => {
  expect((await ask({ principal: 'ops' })).status).toBe(200)
  const refused = await ask({ principal: 'dev' })
  expect([refused.status, textOf(refused)]).toEqual([403, 'Not authorized to do this'])
})

test('A1: nobody is a principal by a header, nor by a claim that is no text', async () => {
  const basic = `Basic ${Buffer.from('ops:whatever').toString('base64')}`
  expect((await ask(null, { principal: 'ops', authorization: basic })).status).toBe(403)
  for (const principal of [['ops'], { name: 'ops' }, undefined, ''])
    expect((await ask({ principal })).status).toBe(403)
})

test('the lists of MESETA_SETTINGS are those of `npm start`, and have room in the 4 KB of variables for 30 rules', () => {
  const rule = { principals: { values: ['a-principal'] }, roles: { values: ['some/role', 'another'] } }
  const register_frameworks = Array.from({ length: 30 }, () => rule)
  const json = JSON.stringify({
    profile: 'default',
    clusterName: 'meseta',
    acls: { permissive: false, register_frameworks },
  })
  expect(json.length).toBeLessThan(3_500)
  const { acls } = settingsOf(json, { region: 'r', isEmulated: false })
  expect(acls?.rules.register_frameworks).toHaveLength(30)
})
