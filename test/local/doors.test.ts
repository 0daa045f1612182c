// The doors of `npm start`: files that are wrong, files that change, who is asked where, and never a secret in a word.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { HttpRequest } from '../../functions/http/types.ts'
import { principalEntry } from '../../functions/lambda/credentials.ts'
import { readCredentials } from '../../local/credentials.ts'
import { type DoorOptions, doorsError, isReadByOthers, openDoors } from '../../local/doors.ts'
import { faultRoutes } from '../../local/faults.ts'
import { READ_EACH_MS } from '../../local/live-file.ts'
import { allowed } from '../../master/authorization/acls.ts'
import { movedClock } from '../moved-clock.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'meseta-test-doors-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
function file(content: string | object, mode = 0o600): string {
  const path = join(folder, `f${files++}`)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content), { mode })
  return path
}

const header = (principal: string, secret: string) =>
  `Basic ${Buffer.from(`${principal}:${secret}`).toString('base64')}`

const request = (authorization?: string): HttpRequest => ({
  method: 'POST',
  path: '/api/v1/meseta',
  query: new URLSearchParams(),
  headers: { authorization },
  body: new Uint8Array(),
  params: {},
})

const ALICE = { credentials: [{ principal: 'alice', secret: 'hush' }] }

describe('credentials', () => {
  test('as Mesos has them', async () => {
    const principalOf = readCredentials(JSON.stringify(ALICE))
    expect(await principalOf(header('alice', 'hush'))).toBe('alice')
    for (const wrong of [
      undefined,
      '',
      'Basic',
      header('alice', ''),
      header('alice', 'x'),
      header('bob', 'hush'),
    ])
      expect(await principalOf(wrong)).toBeUndefined()
  })

  test('salted, as the secret of a cloud has them; good ones are known the second time', async () => {
    const principalOf = readCredentials(
      JSON.stringify({ principals: [await principalEntry('alice', 'hush')] }),
    )
    expect(await principalOf(header('alice', 'hush'))).toBe('alice')
    const began = performance.now()
    for (let index = 0; index < 20; index++) expect(await principalOf(header('alice', 'hush'))).toBe('alice')
    expect(performance.now() - began).toBeLessThan(400)
    expect(await principalOf(header('alice', 'x'))).toBeUndefined()
  })

  test.each<[string | object, string]>([
    ['alice hush', 'the file is no JSON object'],
    ['{"credentials": [{"principal": "alice", "secret": hush}]}', 'the file is no JSON object'],
    ['null', 'the file is no JSON object'],
    ['{}', 'the file has "credentials"'],
    [{ ...ALICE, principals: [] }, 'the file has "credentials"'],
    [{ credentials: [] }, 'a list of at least one'],
    [{ credentials: { alice: 'hush' } }, 'a list of at least one'],
    [{ credentials: ['hush'] }, 'credentials[0] is an object'],
    [{ credentials: [{ secret: 'hush' }] }, 'credentials[0].principal is a text'],
    [
      { credentials: [{ principal: 'a:b', secret: 'hush' }] },
      'credentials[0].principal is a text without a colon',
    ],
    [{ credentials: [{ principal: 'alice' }] }, 'credentials[0].secret is a text'],
    [
      { credentials: [...ALICE.credentials, { principal: 'bob', secret: ['hush'] }] },
      'credentials[1].secret',
    ],
    [
      { credentials: [...ALICE.credentials, ...ALICE.credentials] },
      'credentials[1].principal is there twice',
    ],
    [{ principals: [{ principal: 'alice', salt: 'hush' }] }, 'needs principal, salt and hash'],
  ])('S22: %j is refused by its field, without a secret', (content, words) => {
    const said = doorsError({ credentials: file(content), authenticateReadonly: false })
    expect(said).toContain(words)
    expect(said).not.toContain('hush')
  })

  test('that others can read are noticed', () => {
    expect(isReadByOthers(file(ALICE, 0o644))).toBe(true)
    expect(isReadByOthers(file(ALICE))).toBe(false)
  })
})

test.each<[Partial<DoorOptions>, string]>([
  [{ authenticateReadonly: true }, 'needs --credentials'],
  [{ credentials: '/nowhere/at/all' }, '/nowhere/at/all cannot be read (ENOENT)'],
  [{ credentials: JSON.stringify(ALICE) }, 'everybody on this machine can read a secret'],
  [{ acls: '/nowhere/at/all' }, '--acls: /nowhere/at/all cannot be read (ENOENT)'],
  [{ acls: '{"run_task":[]}' }, '--acls: ACLs: "run_task" is no action'],
])('%j says what is wrong', (options, words) => {
  const said = doorsError({ authenticateReadonly: false, ...options })
  expect(said).toContain(words)
  expect(said).not.toContain('hush')
})

function opened(options: Partial<DoorOptions>) {
  const clock = movedClock()
  const logged: string[] = []
  const record = (event: string, fields?: object) => void logged.push(`${event} ${JSON.stringify(fields)}`)
  const log = { info: record, warn: record, error: record }
  const doors = openDoors({ authenticateReadonly: false, ...options }, { log, clock })
  const readAgain = () => clock.advance(READ_EACH_MS + 1, { stepMs: 1_000, settleMs: 1 })
  return { doors, clock, log, logged, readAgain }
}

describe('who is asked', () => {
  test('nobody without credentials', () => {
    const { doors, clock } = opened({})
    expect(doors).toEqual({ guards: {}, acls: undefined })
    clock.stop()
  })

  test('with them frameworks and who changes things; who only looks when it is wished', async () => {
    const path = file(ALICE)
    const some = opened({ credentials: `file://${path}` })
    expect(some.doors.guards.readonly).toBeUndefined()
    const all = opened({ credentials: path, authenticateReadonly: true })
    for (const realm of ['scheduler', 'readwrite', 'readonly'] as const) {
      const guard = all.doors.guards[realm]
      expect(await guard?.(request(header('alice', 'hush')))).toEqual({ principal: 'alice' })
      expect(await guard?.(request())).toMatchObject({
        refused: { status: 401, headers: { 'www-authenticate': `Basic realm="mesos-master-${realm}"` } },
      })
    }
    some.clock.stop()
    all.clock.stop()
  })

  test('A26: a credential that was taken out of the file is refused some seconds later', async () => {
    const path = file({ credentials: [...ALICE.credentials, { principal: 'bob', secret: 'shy' }] })
    const { doors, clock, logged, readAgain } = opened({ credentials: path })
    const who = async () => await doors.guards.scheduler?.(request(header('bob', 'shy')))
    expect(await who()).toEqual({ principal: 'bob' })
    writeFileSync(path, JSON.stringify(ALICE))
    await readAgain()
    expect(await who()).toHaveProperty('refused')
    writeFileSync(path, '{"credentials": [{"principal": "alice", "secret"')
    await readAgain()
    await readAgain()
    expect(await doors.guards.scheduler?.(request(header('alice', 'hush')))).toEqual({ principal: 'alice' })
    const said = logged.join('\n')
    expect(said.match(/credentials not read; what was there before still counts/g)).toHaveLength(1)
    expect(said).not.toMatch(/hush|shy/)
    clock.stop()
  })

  test('A26: lists in a file as well; those on the command line stay', async () => {
    const path = file({ permissive: true })
    const { doors, clock, readAgain } = opened({ acls: path })
    // As the control plane hands it on.
    const { acls } = { ...doors }
    expect(allowed(acls, 'run_tasks', 'alice', 'root')).toBe(true)
    writeFileSync(path, '{"permissive":false}')
    await readAgain()
    expect(allowed(acls, 'run_tasks', 'alice', 'root')).toBe(false)
    clock.stop()
    const inline = opened({ acls: '{"permissive":false}' })
    expect(allowed(inline.doors.acls, 'run_tasks', 'alice', 'root')).toBe(false)
    inline.clock.stop()
  })
})

test('faults are asked for as the rest of the path is, and other calls go through', async () => {
  const { doors, clock, log } = opened({
    credentials: file({ credentials: [...ALICE.credentials, { principal: 'bob', secret: 'shy' }] }),
    acls: '{"permissive":false,"call_meseta":[{"principals":{"values":["alice"]},"calls":{"values":["FAULTS"]}}]}',
  })
  const cut: number[] = []
  const intercept = faultRoutes(
    () => [],
    (ms) => void cut.push(ms),
    { log, ...doors },
  )
  const ask = (call: unknown, authorization?: string) =>
    intercept({ ...request(authorization), body: Buffer.from(JSON.stringify(call)) })
  const fault = { type: 'CUT_QUEUES', cut_queues: { seconds: 1 } }
  expect((await ask(fault))?.status).toBe(401)
  expect((await ask(fault, header('bob', 'shy')))?.status).toBe(403)
  expect(cut).toEqual([])
  expect((await ask(fault, header('alice', 'hush')))?.status).toBe(200)
  expect(cut).toEqual([1_000])
  for (const other of [null, 5, [], {}, { type: 'EVENTS' }]) expect(await ask(other)).toBeUndefined()
  clock.stop()
})
