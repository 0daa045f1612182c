// Which releases are told that they are too far apart, and how.
import { describe, expect, test } from 'vitest'
import { httpControlPlane } from '../../agent/control-plane.ts'
import { routed } from '../../functions/http/routes.ts'
import type { HttpRequest } from '../../functions/http/types.ts'
import { skewWarning, VERSION_HEADER } from '../../protocol/skew.ts'
import { MESETA_VERSION } from '../../protocol/version.ts'

describe('R35: two releases', () => {
  test.each([
    ['1.4.0', '1.4.9'],
    ['1.4.0', '1.5.0'],
    ['1.4.0', '1.3.7'],
    ['1.4.0', '1.5.0-rc.1'],
    ['0.1.0', '0.2.0'],
    ['1.4.0', undefined],
    ['1.4.0', null],
    ['1.4.0', ''],
    ['1.4.0', 'mesos'],
    ['1.4.0', '1.9'],
  ])('%s beside %s: nothing to say', (ours, theirs) => {
    expect(skewWarning('The other', theirs, ours)).toBeUndefined()
  })

  test.each([
    ['1.4.0', '1.6.0', 'upgrade this one'],
    ['1.4.0', '1.2.9', 'upgrade that one'],
    ['1.4.0', '2.0.0', 'upgrade this one'],
    ['1.0.0', '0.9.0', 'upgrade that one'],
  ])('%s beside %s: %s', (ours, theirs, advice) => {
    const warning = skewWarning('The other', theirs, ours)
    expect(warning).toContain(`The other is Meseta ${theirs} and this is ${ours}`)
    expect(warning).toContain(advice)
  })

  test('A20 what else stands in the header is not repeated', () => {
    expect(skewWarning('The other', '9.0.0-\u001B[2Jx', '1.0.0')).not.toContain('\u001B')
  })
})

describe('R35: the control plane', () => {
  function front() {
    const warnings: unknown[] = []
    const log = { info() {}, error() {}, warn: (_: string, fields?: object) => warnings.push(fields) }
    const ids = { random: () => 'id', uuid: () => 'uuid' }
    const handler = routed({ log, ids } as unknown as Parameters<typeof routed>[0], [
      { path: '/here', methods: { GET: () => ({ status: 200, headers: { a: 'b' }, body: '' }) } },
    ])
    const ask = (path: string, version?: string) => {
      const headers = version === undefined ? {} : { [VERSION_HEADER]: version }
      const request: HttpRequest = {
        ...{ method: 'GET', path, query: new URLSearchParams() },
        ...{ headers, body: new Uint8Array(), params: {} },
      }
      return handler(request)
    }
    return { warnings, ask }
  }

  test('says its release with every answer, also one that refuses', async () => {
    const { ask } = front()
    expect((await ask('/here')).headers).toEqual({ a: 'b', [VERSION_HEADER]: MESETA_VERSION })
    expect((await ask('/nowhere')).headers).toMatchObject({ [VERSION_HEADER]: MESETA_VERSION })
  })

  test('warns once of each release that is too far away, and of few', async () => {
    const { ask, warnings } = front()
    for (const version of [MESETA_VERSION, undefined, '9.9.0', '9.9.0', '9.9.0']) {
      expect((await ask('/here', version)).status).toBe(200)
    }
    expect(warnings).toMatchObject([{ warning: expect.stringContaining('Who calls is Meseta 9.9.0') }])
    for (let minor = 0; minor < 100; minor++) await ask('/here', `9.${minor}.0`)
    expect(warnings.length).toBeLessThanOrEqual(20)
  })
})

test('R35: an agent says its release, and warns once', async () => {
  const { createServer } = await import('node:http')
  const versions: unknown[] = []
  const server = createServer((request, response) => {
    versions.push(request.headers[VERSION_HEADER])
    response.setHeader(VERSION_HEADER, '9.9.0')
    response.end('{"kind":"unregistered"}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const warnings: string[] = []
  const link = httpControlPlane(`http://127.0.0.1:${port}`, (sentence) => warnings.push(sentence))
  for (let calls = 0; calls < 3; calls++) {
    await link.call({ type: 'UNREGISTER', agentId: 'm-S1', incarnation: 1 })
  }
  link.close()
  server.close()
  server.closeAllConnections()
  expect(versions).toEqual([MESETA_VERSION, MESETA_VERSION, MESETA_VERSION])
  expect(warnings).toEqual([expect.stringContaining('The control plane is Meseta 9.9.0')])
})
