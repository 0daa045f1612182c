// `npm start` with credentials and lists, as a process: ready as always, closed to strangers, and no secret anywhere.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestFramework } from '../framework.ts'
import { start, until } from './start.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'meseta-test-guarded-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const OPS = { principal: 'ops', secret: 'hush-of-ops' }
const JOBS = { principal: 'jobs', secret: 'hush-of-jobs' }
const as = ({ principal, secret }: typeof OPS) => ({
  authorization: `Basic ${Buffer.from(`${principal}:${secret}`).toString('base64')}`,
})

test('A26, S22: agents register, strangers stay out, a credential that is taken out ends its stream', async () => {
  const credentials = join(folder, 'credentials.json')
  const acls = join(folder, 'acls.json')
  writeFileSync(credentials, JSON.stringify({ credentials: [OPS, JOBS] }), { mode: 0o644 })
  const register_frameworks = [{ principals: { values: ['jobs'] }, roles: { values: ['batch'] } }]
  writeFileSync(acls, JSON.stringify({ permissive: false, register_frameworks }))
  const data = join(folder, 'data')
  const options = ['--credentials', credentials, '--authenticate-http-readonly', '--acls', acls]
  const started = start(['--port', '0', '--agents', '1', '--data', data, ...options])
  try {
    const url = await started.ready()
    expect(started.stdout()).toContain('chmod 600 it')
    const statusOf = async (path: string, headers = {}) => (await fetch(`${url}${path}`, { headers })).status
    expect(await statusOf('/health')).toBe(200)
    expect(await statusOf('/state')).toBe(401)
    expect(await statusOf('/state', as({ ...OPS, secret: JOBS.secret }))).toBe(401)
    expect(await statusOf('/state', as(OPS))).toBe(200)
    expect(await statusOf('/flags', as(OPS))).toBe(403)

    const subscribe = (role: string) =>
      TestFramework.subscribe(url, { headers: as(JOBS), info: { role, failover_timeout: 60 } })
    await expect(subscribe('web')).rejects.toThrow("Not authorized to use role 'web'")
    const framework = await subscribe('batch')
    writeFileSync(credentials, JSON.stringify({ credentials: [OPS] }))
    await framework.untilEnd(20_000)
    expect((await framework.call({ type: 'REVIVE' }, as(JOBS))).status).toBe(401)
    const log = () => readFileSync(join(data, 'control-plane.log'), 'utf8')
    await until('logged', () => log().includes('its credential is not good any more'))
    const said = log() + started.stdout() + started.stderr()
    expect(said).toContain('credentials read again')
    expect(said).not.toContain('hush')
  } finally {
    await started.stop()
  }
}, 90_000)
