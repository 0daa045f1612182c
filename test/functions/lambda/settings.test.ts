// The settings of a deployed cluster: a profile, what differs from it, and sentences for what is wrong.
import { expect, test } from 'vitest'
import { lambdaFunction } from '../../../functions/lambda/environment.ts'
import { lambdaLog } from '../../../functions/lambda/log.ts'
import { settingsOf } from '../../../functions/lambda/settings.ts'
import { allowed } from '../../../master/authorization/acls.ts'
import { PROFILES } from '../../../master/settings.ts'

const aws = { region: 'eu-central-1', isEmulated: false }

test('nothing given is the default profile, with signed identities', () => {
  const settings = settingsOf(undefined, aws)
  expect(settings).toMatchObject({
    profileName: 'default',
    profile: PROFILES.default,
    agentIdentity: 'signed',
    region: 'eu-central-1',
  })
})

test('R16 emulators name nobody: identities are claimed there, unless the settings say else', () => {
  expect(settingsOf('{}', { ...aws, isEmulated: true }).agentIdentity).toBe('claimed')
  expect(settingsOf('{"agentIdentity":"signed"}', { ...aws, isEmulated: true }).agentIdentity).toBe('signed')
})

test('a profile with what differs from it', () => {
  const json = JSON.stringify({
    profile: 'mesos',
    beatShards: 20,
    clusterName: 'prod',
    notices: { spotGraceMs: 60_000, drainsOnRebalance: true, drainGraceMs: 1, hookMs: 2 },
  })
  expect(settingsOf(json, aws)).toMatchObject({
    profile: PROFILES.mesos,
    beatShards: 20,
    clusterName: 'prod',
    notices: { drainsOnRebalance: true },
  })
})

test('lists of rights as Mesos has them; none: everybody may', () => {
  const run_tasks = [{ principals: { type: 'ANY' }, users: { values: ['nobody'] } }]
  const { acls } = settingsOf(JSON.stringify({ acls: { permissive: false, run_tasks } }), aws)
  expect(allowed(acls, 'run_tasks', 'alice', 'nobody')).toBe(true)
  expect(allowed(acls, 'run_tasks', 'alice', 'root')).toBe(false)
  expect(settingsOf('{}', aws)).not.toHaveProperty('acls')
})

test.each([
  ['{', 'must be a JSON object'],
  ['[]', 'must be a JSON object'],
  ['{"profile":"slow"}', 'profile must be one of fast, default, mesos, not "slow"'],
  ['{"profile":"toString"}', 'profile must be one of'],
  ['{"beatShard":2}', 'there is no setting beatShard'],
  ['{"constructor":2}', 'there is no setting constructor'],
  ['{"acls":{"run_task":[]}}', 'acls: ACLs: "run_task" is no action'],
  ['{"acls":"acls.json"}', 'acls: ACLs: the file is an object'],
  ['{"beatShards":0}', 'beatShards must be a whole number from 1 to 1000, not 0'],
  ['{"maxExpiredShare":2}', 'maxExpiredShare must be a share from 0 to 1, not 2'],
  ['{"offerTimeoutMs":"5m"}', 'offerTimeoutMs must be milliseconds'],
  ['{"agentIdentity":"none"}', 'agentIdentity must be "signed" or "claimed"'],
  ['{"rateLimits":[]}', 'rateLimits must be an object'],
  ['{"rateLimits":{"limits":[{"principal":"a","qps":0}]}}', 'limits[0].qps is calls a second'],
  ['{"publicAddress":{"hostname":"h"}}', 'publicAddress must be an object with hostname'],
])('%s says what to do', (json, sentence) => {
  expect(() => settingsOf(json, aws)).toThrow(sentence)
})

test('rate limits are taken as Mesos writes them', () => {
  const rateLimits = { limits: [{ principal: 'jobs', qps: 20 }], aggregate_default_qps: 100 }
  expect(settingsOf(JSON.stringify({ rateLimits }), aws).rateLimits).toEqual(rateLimits)
})

test('a variable that is missing is named', () => {
  const ours = { AWS_REGION: 'r', MESETA_TABLE: 't', MESETA_QUEUE_PREFIX: 'p' }
  const all = { ...ours, AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 's' }
  for (const name of Object.keys(ours)) {
    expect(() => lambdaFunction({ ...all, [name]: undefined })).toThrow(`the variable ${name} is missing`)
  }
  expect(() => lambdaFunction({ ...all, MESETA_RESPONSES: 'chunked' })).toThrow('must be stream or buffered')
  expect(lambdaFunction(all).responses).toBe('stream')
})

test('a log line is JSON whatever is in it', () => {
  const lines: string[] = []
  const log = lambdaLog({ now: () => 1_760_000_000_000 }, (line) => lines.push(line))
  log.warn('odd', { big: 2n ** 60n, error: new Error('why') })
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    level: 'warn',
    time: '2025-10-09T08:53:20.000Z',
    event: 'odd',
    big: '1152921504606846976',
  })
  expect(log.counts?.()).toEqual({ odd: 1 })
})
