// The fetcher: what it brings, and what it refuses to be used for.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { addressProblem, DEFAULT_POLICY, guardedLookup } from '../../agent/containerizer/addresses.ts'
import { leadsOut } from '../../agent/containerizer/extract.ts'
import { emptyStaging, type FetchOptions, type FetchUri, fetchUris } from '../../agent/fetcher.ts'
import { tarOf, zipOf } from './containerizer/archives.ts'

const isRoot = process.getuid?.() === 0
const hasUnzip = spawnSync('unzip', ['-v']).status === 0

let directory: string
let sandbox: string
let options: FetchOptions
let answer: (request: IncomingMessage, response: ServerResponse) => void
let base: string

const server = createServer((request, response) => answer(request, response))
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'meseta-fetch-')))
  chmodSync(directory, 0o755)
  sandbox = join(directory, 'sandbox')
  mkdirSync(sandbox, { mode: 0o750 })
  options = { sandbox, stagingDirectory: join(directory, 'staging') }
  answer = (_, response) => response.end('content')
})
afterEach(() => {
  // Nothing is left half fetched, however it ended.
  if (existsSync(join(directory, 'staging'))) expect(readdirSync(join(directory, 'staging'))).toEqual([])
  rmSync(directory, { recursive: true, force: true })
})

const fetch = (uris: readonly (FetchUri | string)[], more: Partial<FetchOptions> = {}) =>
  fetchUris(
    uris.map((uri) => (typeof uri === 'string' ? { value: uri } : uri)),
    { ...options, ...more },
  )
const inSandbox = (...names: string[]) => join(sandbox, ...names)
const textOf = (...names: string[]) => readFileSync(inSandbox(...names), 'utf8')
const fetched = { kind: 'fetched' }
const failed = (part: string) => ({ kind: 'failed', message: expect.stringContaining(part) })

/** A file outside the sandbox, to be fetched. */
function source(name: string, content: string | Buffer): string {
  writeFileSync(join(directory, name), content)
  chmodSync(join(directory, name), 0o644)
  return join(directory, name)
}

describe('what it brings', () => {
  test('local files and downloads, in order, the later over the earlier', async () => {
    const local = source('a.txt', 'local')
    answer = (request, response) => response.end(`got ${request.url}`)
    const uris = [
      local,
      `file://${local.replace('a.txt', 'a%2etxt')}`,
      `${base}/b.txt?sig=secret`,
      `${base}/x/a.txt`,
    ]
    expect(await fetch(uris)).toEqual(fetched)
    expect(readdirSync(sandbox).toSorted()).toEqual(['a.txt', 'b.txt'])
    expect(textOf('a.txt')).toBe('got /x/a.txt')
    expect(textOf('b.txt')).toBe('got /b.txt?sig=secret')
    expect(statSync(inSandbox('a.txt')).mode & 0o777).toBe(0o644)
  })

  test('executable is not extracted; output_file may be in directories', async () => {
    const uris = [
      { value: `${base}/run.tar.gz`, executable: true },
      { value: `${base}/x`, output_file: 'deep/er/y' },
      { value: `${base}/`, output_file: 'root' },
    ]
    expect(await fetch(uris)).toEqual(fetched)
    expect(statSync(inSandbox('run.tar.gz')).mode & 0o777).toBe(0o755)
    expect(textOf('deep', 'er', 'y')).toBe('content')
    expect(textOf('root')).toBe('content')
  })

  test.each([
    ['tar', 'a.tar', []],
    ['tar.gz', 'a.tar.gz', ['-z']],
    ['tgz', 'a.tgz', ['-z']],
    ['tar.bz2', 'a.tar.bz2', ['-j']],
    ['tar.xz', 'a.txz', ['-J']],
  ])('%s is extracted, the archive stays', async (_, name, flags) => {
    const tree = join(directory, 'tree')
    mkdirSync(join(tree, 'bin'), { recursive: true })
    writeFileSync(join(tree, 'bin', 'tool'), 'tool', { mode: 0o755 })
    symlinkSync('bin/tool', join(tree, 'link'))
    const made = spawnSync('tar', ['-c', ...flags, '-f', join(directory, name), '-C', tree, '.'])
    if (made.status !== 0) return
    expect(await fetch([join(directory, name)])).toEqual(fetched)
    expect(readdirSync(sandbox).toSorted()).toEqual([name, 'bin', 'link'].toSorted())
    expect(textOf('link')).toBe('tool')
    expect(statSync(inSandbox('bin', 'tool')).mode & 0o777).toBe(0o755)
  })

  test.runIf(hasUnzip)('zip', async () => {
    const zip = source(
      'a.zip',
      zipOf([
        { name: 'd/x', text: 'zipped' },
        { name: 'link', link: 'd/x' },
      ]),
    )
    expect(await fetch([zip])).toEqual(fetched)
    expect(textOf('link')).toBe('zipped')
  })

  test('gz alone, and an archive that is to stay whole', async () => {
    const gz = source('one.txt.gz', gzipSync('one'))
    const tar = source('whole.tar', tarOf([{ name: 'x' }]))
    expect(await fetch([gz, { value: tar, extract: false }])).toEqual(fetched)
    expect(textOf('one.txt')).toBe('one')
    expect(readdirSync(sandbox).toSorted()).toEqual(['one.txt', 'one.txt.gz', 'whole.tar'])
  })

  test('two archives with the same directories become one tree', async () => {
    const one = source(
      '1.tar',
      tarOf([
        { name: 'd/x', text: 'old' },
        { name: 'd/y', text: 'y' },
      ]),
    )
    const two = source(
      '2.tar',
      tarOf([
        { name: 'd/x', text: 'new' },
        { name: 'd/e/z', text: 'z' },
      ]),
    )
    expect(await fetch([one, two])).toEqual(fetched)
    expect([textOf('d', 'x'), textOf('d', 'y'), textOf('d', 'e', 'z')]).toEqual(['new', 'y', 'z'])
  })

  test('redirects are followed', async () => {
    answer = (request, response) => {
      const step = Number(request.url?.slice(1))
      if (step < 5) response.writeHead(302, { location: `/${step + 1}` }).end()
      else response.end(`after ${step}`)
    }
    expect(await fetch([{ value: `${base}/1`, output_file: 'x' }])).toEqual(fetched)
    expect(textOf('x')).toBe('after 5')
  })

  test.runIf(isRoot)('all of it belongs to the user', async () => {
    const tar = source(
      'a.tar',
      tarOf([
        { name: 'd/x', text: 'x', mode: 0o4755 },
        { name: 'l', type: '2', link: 'd/x' },
      ]),
    )
    const uris = [tar, source('b.gz', gzipSync('b')), { value: `${base}/c`, output_file: 'e/c' }]
    expect(await fetch(uris, { user: 'nobody' })).toEqual(fetched)
    const { uid } = statSync(inSandbox('e', 'c'))
    expect(uid).toBeGreaterThan(0)
    for (const path of ['a.tar', 'd', 'd/x', 'l', 'b.gz', 'b', 'e']) {
      expect([path, lstatSync(inSandbox(path)).uid]).toEqual([path, uid])
    }
    expect(statSync(inSandbox('d', 'x')).mode & 0o7777).toBe(0o755)
  })
})

describe('what it refuses', () => {
  test.each([
    ['ftp://example.org/x', 'scheme ftp'],
    ['gopher://example.org/x', 'scheme gopher'],
    ['hdfs://namenode/x', 'scheme hdfs'],
    ['s3://bucket/x', 'scheme s3'],
    ['javascript:alert(1)', 'scheme javascript'],
    ['data:text/plain,x', 'scheme data'],
    ['relative/path', 'neither'],
    ['', 'neither'],
    ['/no/such/file', 'no such file'],
    ['/etc', 'not a regular file'],
    ['/dev/zero', 'not a regular file'],
    ['file://host.example/etc/hostname', 'names no host'],
    ['file:///etc/%2e%2e/%00', ''],
    ['/etc/hostname\0', 'NUL'],
    ['http://', 'neither'],
  ])('%j', async (value, part) => {
    expect(await fetch([value])).toEqual(failed(part))
    expect(readdirSync(sandbox)).toEqual([])
  })

  test.each(['../x', '/x', 'a/../x', '.', '..', 'a//b', 'a/', './a', 'a\0b', ''])(
    'output_file %j',
    async (output) => {
      const result = await fetch([{ value: `${base}/x`, output_file: output }])
      expect(result).toEqual(failed('not a relative path'))
      expect(readdirSync(directory)).toEqual(['sandbox'])
    },
  )

  test('a URL that names no file', async () => {
    expect(await fetch([`${base}/`])).toEqual(failed('names no file'))
    expect(await fetch([base])).toEqual(failed('names no file'))
  })

  test('an unknown user', async () => {
    expect(await fetch([`${base}/x`], { user: 'no-such-user' })).toEqual(failed("'no-such-user'"))
  })

  test.runIf(isRoot)('what the user may not read', async () => {
    const secret = source('secret', 'secret')
    chmodSync(secret, 0o600)
    expect(await fetch([secret], { user: 'nobody' })).toEqual(failed('ermission denied'))
    symlinkSync('/etc/shadow', join(directory, 'innocent'))
    expect(await fetch([join(directory, 'innocent')], { user: 'nobody' })).toEqual(failed('ermission denied'))
  })

  test('S22: neither password nor signature is in the sentence', async () => {
    answer = (_, response) => response.writeHead(404).end()
    const result = await fetch([`${base.replace('//', '//user:pass@')}/x?signature=abc#frag`])
    expect(result).toEqual({ kind: 'failed', message: `Failed to fetch '${base}/x': HTTP status 404` })
  })

  test.each([404, 500, 204, 206, 304])('status %i', async (status) => {
    answer = (_, response) => response.writeHead(status).end()
    expect(await fetch([`${base}/x`])).toEqual(failed(`${status}`))
    expect(readdirSync(sandbox)).toEqual([])
  })

  test('the second is not fetched when the first fails', async () => {
    expect(await fetch(['ftp://x/y', `${base}/x`])).toMatchObject({ kind: 'failed' })
    expect(readdirSync(sandbox)).toEqual([])
  })

  test('a broken connection, an answer that is too short, nobody there', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'content-length': '1000' })
      response.write('some')
      setTimeout(() => response.destroy(), 20)
    }
    expect(await fetch([`${base}/x`])).toEqual(failed('the connection broke'))
    expect(await fetch(['http://127.0.0.1:1/x'])).toEqual(failed('ECONNREFUSED'))
    expect(readdirSync(sandbox)).toEqual([])
  })

  test('a download that stalls', async () => {
    answer = (_, response) => response.write('first bytes')
    expect(await fetch([`${base}/x`], { limits: { stallMs: 200 } })).toEqual(failed('0.2 s'))
    answer = () => {}
    expect(await fetch([`${base}/x`], { limits: { stallMs: 200 } })).toEqual(failed('nothing came for 0.2 s'))
  })

  test('one that is too large, announced or not', async () => {
    const limits = { maxBytes: 1_000 }
    answer = (_, response) => response.end('x'.repeat(1_001))
    expect(await fetch([`${base}/x`], { limits })).toEqual(failed('1000 bytes'))
    answer = (_, response) => {
      response.flushHeaders()
      response.end('x'.repeat(100_000))
    }
    expect(await fetch([`${base}/x`], { limits })).toEqual(failed('1000 bytes'))
    expect(await fetch([source('large', 'x'.repeat(1_001))], { limits })).toEqual(failed('1000 bytes'))
    expect(await fetch([source('exact', 'x'.repeat(1_000))], { limits })).toEqual(fetched)
  })

  test('too large, many at once: each ends', async () => {
    answer = (_, response) => {
      response.flushHeaders()
      response.end('x'.repeat(100_000))
    }
    const uris = Array.from({ length: 60 }, () => [`${base}/x`])
    const results = await Promise.all(uris.map((each) => fetch(each, { limits: { maxBytes: 1_000 } })))
    expect(results).toEqual(results.map(() => failed('1000 bytes')))
  })

  test('when it is called off', async () => {
    const off = new AbortController()
    answer = () => off.abort()
    expect(await fetch([`${base}/x`], { signal: off.signal })).toEqual(failed('called off'))
    expect(await fetch([source('x', 'x')], { signal: off.signal })).toMatchObject({ kind: 'failed' })
  })
})

describe('A15: addresses', () => {
  test.each([
    '169.254.169.254',
    '169.254.170.2',
    '169.254.0.1',
    '0.0.0.0',
    '0.1.2.3',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    'fe80::1',
    'fe80::1%eth0',
    'febf::1',
    'fd00:ec2::254',
    'fd00:ec2::23',
    'fd20:ce::254',
    'ff02::1',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '0:0:0:0:0:ffff:a9fe:a9fe',
    '::169.254.169.254',
    '64:ff9b::169.254.169.254',
    '2002:a9fe:a9fe::1',
    'metadata',
    '',
    '169.254.169.254 ',
    '0xa9fea9fe',
  ])('%s is refused', (address) => {
    expect(addressProblem(address, DEFAULT_POLICY)).toEqual(expect.any(String))
  })

  test.each([
    '127.0.0.1',
    '::1',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '169.253.255.255',
    '169.255.0.0',
    '93.184.216.34',
    '2606:2800:220:1::1',
    'fd12:3456::1',
    '::ffff:10.0.0.1',
    '64:ff9b::8.8.8.8',
  ])('%s is spoken to', (address) => {
    expect(addressProblem(address, DEFAULT_POLICY)).toBeUndefined()
  })

  test('loopback only where it is allowed, in all its forms', () => {
    const policy = { ...DEFAULT_POLICY, allowLoopback: false }
    for (const address of ['127.0.0.1', '127.255.0.1', '::1', '::ffff:127.0.0.1', '64:ff9b::127.0.0.1']) {
      expect(addressProblem(address, policy)).toEqual(expect.any(String))
    }
    expect(addressProblem('10.0.0.1', policy)).toBeUndefined()
  })

  test('without the rule, everything', () => {
    expect(addressProblem('169.254.169.254', { denyMetadata: false, allowLoopback: true })).toBeUndefined()
  })

  test.each([
    '169.254.169.254',
    '2852039166',
    '0xa9fea9fe',
    '0251.0376.0251.0376',
    '169.254.43518',
    '[::ffff:169.254.169.254]',
    '[fd00:ec2::254]',
    '0',
  ])('no request goes to http://%s/', async (host) => {
    const began = Date.now()
    expect(await fetch([`http://${host}/latest/meta-data`])).toEqual(failed('not an address for files'))
    expect(Date.now() - began).toBeLessThan(2_000)
  })

  test.each([
    ['http://169.254.169.254/x', 'not an address'],
    ['http://[::ffff:a9fe:a9fe]/x', 'not an address'],
    ['//169.254.169.254/x', 'not an address'],
    ['file:///etc/passwd', 'scheme file'],
    ['gopher://127.0.0.1/x', 'scheme gopher'],
    ['http://', 'not a URL'],
  ])('nor is it redirected to %s', async (location, part) => {
    answer = (_, response) => response.writeHead(302, { location }).end()
    expect(await fetch([`${base}/x`])).toEqual(failed(part))
    expect(readdirSync(sandbox)).toEqual([])
  })

  test('a circle of redirects ends', async () => {
    answer = (_, response) => response.writeHead(301, { location: '/x' }).end()
    expect(await fetch([`${base}/x`])).toEqual(failed('redirects'))
  })

  test('a name is refused by what it resolves to, and the connection goes to what was looked at', async () => {
    let asked = 0
    const resolving = (...answers: string[][]) =>
      guardedLookup(DEFAULT_POLICY, ((_: string, __: unknown, done: (...args: unknown[]) => void) => {
        const addresses = answers[Math.min(asked++, answers.length - 1)] ?? []
        done(
          null,
          addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
        )
      }) as Parameters<typeof guardedLookup>[1])
    const url = `http://rebinding.example:${new URL(base).port}/x`
    expect(await fetch([url], { lookup: resolving(['169.254.169.254']) })).toEqual(failed('not an address'))
    expect(await fetch([url], { lookup: resolving(['127.0.0.1', 'fe80::1']) })).toEqual(
      failed('not an address'),
    )
    expect(await fetch([url], { lookup: resolving([]) })).toEqual(failed('no address'))
    asked = 0
    expect(await fetch([url], { lookup: resolving(['127.0.0.1'], ['169.254.169.254']) })).toEqual(fetched)
    expect(asked).toBe(1)
  })
})

describe('A16: hostile archives', () => {
  const victim = () => join(directory, 'victim')
  beforeEach(() => {
    mkdirSync(victim())
    writeFileSync(join(victim(), 'precious'), 'precious')
  })
  const unharmed = () => {
    expect(readdirSync(victim())).toEqual(['precious'])
    expect(readFileSync(join(victim(), 'precious'), 'utf8')).toBe('precious')
    expect(
      readdirSync(directory).filter((name) => !/^(sandbox|staging|victim|x\.|1\.|2\.)/.test(name)),
    ).toEqual([])
  }

  test.each([
    ['a name that climbs', [{ name: '../../victim/new', text: 'x' }]],
    ['a name that climbs later', [{ name: 'a/../../../victim/new', text: 'x' }]],
    [
      'a link, then through it',
      [
        { name: 'l', type: '2', link: '../../../victim' },
        { name: 'l/new', text: 'x' },
      ],
    ],
    [
      'a link to a file, then over it',
      [
        { name: 'l', type: '2', link: '../../../victim/precious' },
        { name: 'l', text: 'x' },
        { name: 'm', type: '2', link: '/etc' },
      ],
    ],
    ['an absolute link', [{ name: 'l', type: '2', link: '/etc/passwd' }]],
    ['a link that climbs', [{ name: 'd/l', type: '2', link: '../../etc' }]],
    [
      'a link that climbs after a name',
      [
        { name: 'd/e/x', text: 'x' },
        { name: 'm', type: '2', link: 'd/e/../../../x' },
      ],
    ],
    ['a hard link to what is outside', [{ name: 'l', type: '1', link: '../../../victim/precious' }]],
  ] satisfies [string, Parameters<typeof tarOf>[0]][])('tar: %s', async (_, members) => {
    expect(await fetch([source('x.tar', tarOf(members))])).toMatchObject({ kind: 'failed' })
    expect(readdirSync(sandbox)).toEqual([])
    unharmed()
  })

  test.runIf(isRoot)('tar: a device', async () => {
    const tar = source('x.tar', tarOf([{ name: 'zero', type: '3' }]))
    expect(await fetch([tar])).toEqual(failed('neither file'))
    expect(await fetch([tar], { user: 'nobody' })).toMatchObject({ kind: 'failed' })
    expect(readdirSync(sandbox)).toEqual([])
  })

  test('tar: an absolute name stays inside', async () => {
    const tar = source('x.tar', tarOf([{ name: `${directory}/victim/new`, text: 'x' }]))
    expect(await fetch([tar])).toEqual(fetched)
    expect(textOf(...`${directory}/victim/new`.split('/'))).toBe('x')
    unharmed()
  })

  test('tar: links and permissions that are harmless stay', async () => {
    const tar = source(
      'x.tar',
      tarOf([
        { name: 'd/e/l', type: '2', link: '../../d/x' },
        { name: 'd/x', text: 'x', mode: 0o6755 },
        { name: 'closed', type: '5', mode: 0o000 },
        { name: 'broken', type: '2', link: 'nowhere' },
      ]),
    )
    expect(await fetch([tar])).toEqual(fetched)
    expect(textOf('d', 'e', 'l')).toBe('x')
    expect(statSync(inSandbox('d', 'x')).mode & 0o7777).toBe(0o755)
  })

  test.runIf(hasUnzip).each([
    ['an absolute link', [{ name: 'l', link: '/etc/passwd' }]],
    ['a link that climbs', [{ name: 'd/l', link: '../../../victim' }]],
    [
      'a link, then through it',
      [
        { name: 'l', link: '../../../victim' },
        { name: 'l/new', text: 'x' },
      ],
    ],
  ])('zip: %s', async (_, members) => {
    expect(await fetch([source('x.zip', zipOf(members))])).toMatchObject({ kind: 'failed' })
    expect(readdirSync(sandbox)).toEqual([])
    unharmed()
  })

  test.runIf(hasUnzip)('zip: a name that climbs stays inside', async () => {
    const zip = source('x.zip', zipOf([{ name: '../../victim/new', text: 'x' }]))
    expect(await fetch([zip])).toEqual(fetched)
    expect(textOf('victim', 'new')).toBe('x')
    unharmed()
  })

  test.each(['x.gz', 'x.tar.gz'])('%s that becomes much larger', async (name) => {
    const zeros = Buffer.alloc(30_000_000)
    const content = name === 'x.gz' ? zeros : tarOf([{ name: 'zeros', text: zeros.toString('latin1') }])
    const bomb = gzipSync(content)
    expect(bomb.length).toBeLessThan(100_000)
    expect(await fetch([source(name, bomb)], { limits: { maxBytes: 1_000_000 } })).toMatchObject({
      kind: 'failed',
    })
    expect(readdirSync(sandbox)).toEqual([])
  })

  test('many files that together are too large, and too many files', async () => {
    const members = Array.from({ length: 200 }, (_, index) => ({
      name: `f${index}`,
      text: 'x'.repeat(10_000),
    }))
    const bomb = source('x.tgz', gzipSync(tarOf(members)))
    expect(await fetch([bomb], { limits: { maxBytes: 1_000_000 } })).toEqual(failed('1000000 bytes'))
    expect(await fetch([bomb], { limits: { maxEntries: 100 } })).toEqual(failed('100 files'))
    expect(await fetch([bomb], { limits: { maxEntries: 200 } })).toEqual(fetched)
  })

  test.each(['x.tar', 'x.tgz', 'x.zip', 'x.gz', 'x.txz'])('%s that is none', async (name) => {
    if (name === 'x.zip' && !hasUnzip) return
    expect(await fetch([source(name, 'this is no archive')])).toMatchObject({ kind: 'failed' })
    expect(readdirSync(sandbox)).toEqual([])
  })

  test('a link that one archive planted is not used by the next', async () => {
    // As if the task's user had done it meanwhile.
    symlinkSync(victim(), inSandbox('d'))
    expect(await fetch([{ value: `${base}/x`, output_file: 'd/new' }])).toMatchObject({ kind: 'failed' })
    const tar = source('1.tar', tarOf([{ name: 'd/new', text: 'x' }]))
    expect(await fetch([tar])).toMatchObject({ kind: 'failed' })
    unharmed()
    symlinkSync(join(victim(), 'precious'), inSandbox('f'))
    expect(await fetch([{ value: `${base}/x`, output_file: 'f' }])).toEqual(fetched)
    expect(lstatSync(inSandbox('f')).isFile()).toBe(true)
    unharmed()
  })

  test('a sandbox that is reached through a link', async () => {
    symlinkSync(victim(), join(directory, 'sandbox-link'))
    expect(await fetch([`${base}/x`], { sandbox: join(directory, 'sandbox-link') })).toMatchObject({
      kind: 'failed',
    })
    rmSync(join(directory, 'sandbox-link'))
    mkdirSync(join(victim(), 'inner'))
    symlinkSync(victim(), join(directory, 'x.link'))
    expect(await fetch([`${base}/x`], { sandbox: join(directory, 'x.link', 'inner') })).toEqual(
      failed('link'),
    )
    expect(readdirSync(join(victim(), 'inner'))).toEqual([])
  })
})

describe('where links lead', () => {
  test.each([
    ['x', 0, false],
    ['../x', 1, false],
    ['../../x', 2, false],
    ['.././x', 1, false],
    ['..', 1, false],
    ['', 0, false],
    ['a/b/c', 0, false],
    ['...', 0, false],
    ['..', 0, true],
    ['../x', 0, true],
    ['../../x', 1, true],
    ['/x', 5, true],
    ['a/..', 5, true],
    ['a/../..', 5, true],
    ['../a/../x', 5, true],
    ['./..', 0, true],
  ])('%j at depth %i: out %s', (target, depth, out) => {
    expect(leadsOut(target, depth)).toBe(out)
  })
})

test('what an earlier agent left is removed at start', async () => {
  mkdirSync(join(directory, 'staging', 'x'), { recursive: true })
  await emptyStaging(join(directory, 'staging'))
  expect(readdirSync(join(directory, 'staging'))).toEqual([])
})
