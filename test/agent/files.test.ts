// What the file endpoints show, and that every way out of a sandbox is closed.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Files, MAX_READ_BYTES } from '../../agent/files.ts'
import { until } from './containerizer/fixture.ts'

let directory: string
let sandbox: string
let files: Files

beforeAll(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'meseta-files-')))
  sandbox = join(directory, 'runs', '1')
  mkdirSync(join(sandbox, 'sub'), { recursive: true })
  writeFileSync(join(directory, 'secret'), 'secret')
  writeFileSync(join(directory, 'runs', '1-secret'), 'secret')
  writeFileSync(join(sandbox, 'stdout'), 'line one\nline two\n')
  writeFileSync(join(sandbox, 'sub', 'x'), 'inner')
  writeFileSync(join(sandbox, 'empty'), '')
  writeFileSync(join(sandbox, 'ü %41 &'), 'odd name')
  writeFileSync(join(sandbox, '..hidden'), 'dots')
  symlinkSync('sub/x', join(sandbox, 'inside'))
  symlinkSync('sub', join(sandbox, 'inside-directory'))
  symlinkSync('../../secret', join(sandbox, 'relative'))
  symlinkSync(join(directory, 'secret'), join(sandbox, 'absolute'))
  symlinkSync('/', join(sandbox, 'root'))
  symlinkSync('/proc/self/root', join(sandbox, 'proc-root'))
  symlinkSync('/proc/self/environ', join(sandbox, 'environ'))
  symlinkSync('/dev/zero', join(sandbox, 'zero'))
  symlinkSync('../1-secret', join(sandbox, 'sibling'))
  symlinkSync('loop', join(sandbox, 'loop'))
  symlinkSync('nowhere', join(sandbox, 'broken'))
  spawnSync('mkfifo', [join(sandbox, 'fifo')])
  symlinkSync('1', join(directory, 'runs', 'latest'))
  files = new Files()
  files.attach('/run', sandbox)
  files.attach('/run/attached', join(directory, 'secret'))
  files.attach('/log', join(sandbox, 'stdout'))
  files.attach('/linked', join(directory, 'runs', 'latest'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const textOf = async (path: string) => {
  const read = await files.read(path, { offset: 0 })
  return read.kind === 'ok' ? read.data.toString() : read.kind
}

describe('reading', () => {
  test.each([
    ['/run/stdout', 'line one\nline two\n'],
    ['run//stdout', 'line one\nline two\n'],
    ['/log', 'line one\nline two\n'],
    ['/run/sub/x', 'inner'],
    ['/run/inside', 'inner'],
    ['/run/inside-directory/x', 'inner'],
    ['/run/empty', ''],
    ['/run/ü %41 &', 'odd name'],
    ['/run/..hidden', 'dots'],
    ['/run/attached', 'secret'],
  ])('%s', async (path, text) => {
    expect(await textOf(path)).toBe(text)
  })

  test.each([
    ['/run/nowhere', 'not-found'],
    ['/run/stdout/x', 'not-found'],
    ['/run/broken', 'not-found'],
    ['/other', 'not-found'],
    ['/', 'not-found'],
    ['', 'not-found'],
    ['/ru', 'not-found'],
    ['/runs', 'not-found'],
    [`/run/${'x'.repeat(300)}`, 'not-found'],
    ['/run/%2e%2e/secret', 'not-found'],
    ['/run', 'directory'],
    ['/run/sub/', 'directory'],
    ['/run/inside-directory', 'directory'],
  ])('%s is %s', async (path, kind) => {
    expect(await textOf(path)).toBe(kind)
  })

  test.each([
    '/run/../secret',
    '/run/..',
    '/run/./stdout',
    '/run/sub/../../../secret',
    '/../run/stdout',
    '/run/stdout\0.txt',
    '/run/relative',
    '/run/absolute',
    '/run/root/etc/passwd',
    '/run/root',
    '/run/proc-root/etc/passwd',
    '/run/environ',
    '/run/zero',
    '/run/sibling',
    '/run/loop',
    '/run/fifo',
    '/linked/stdout',
  ])('%s is refused', async (path) => {
    expect(await textOf(path)).toBe('bad-path')
    expect((await files.download(path)).kind).toBe('bad-path')
  })

  test.each([
    [0, 4, 'line'],
    [5, 3, 'one'],
    [9, undefined, 'line two\n'],
    [18, 10, ''],
    [1_000_000_000_000, 10, ''],
    [0, 0, ''],
  ])('from %i, %s bytes', async (offset, length, text) => {
    const read = await files.read('/run/stdout', { offset, length })
    expect(read).toMatchObject({ kind: 'ok', size: 18 })
    expect(read.kind === 'ok' && read.data.toString()).toBe(text)
  })

  test('never more than 64 KiB at once', async () => {
    writeFileSync(join(sandbox, 'large'), Buffer.alloc(200_000, 'x'))
    const read = await files.read('/run/large', { offset: 10, length: 1_000_000 })
    expect(read).toMatchObject({ kind: 'ok', size: 200_000 })
    expect(read.kind === 'ok' && read.data.length).toBe(MAX_READ_BYTES)
  })

  test('a link that changes all the time never shows what is outside', async () => {
    const link = join(sandbox, 'flipping')
    const seen = new Set<string>()
    for (let round = 0; round < 300 || (seen.size < 3 && round < 20_000); round++) {
      symlinkSync(round % 2 === 0 ? 'stdout' : join(directory, 'secret'), `${link}.new`)
      const reads = [textOf('/run/flipping'), textOf('/run/flipping')]
      renameSync(`${link}.new`, link)
      for (const text of await Promise.all([...reads, textOf('/run/flipping')])) seen.add(text)
    }
    rmSync(link)
    expect([...seen].toSorted()).toEqual(['bad-path', 'line one\nline two\n', 'not-found'])
  })

  test('a sandbox that was replaced by a link is not followed', async () => {
    const nested = join(sandbox, 'containers')
    mkdirSync(join(nested, 'c'), { recursive: true })
    files.attach('/nested', join(nested, 'c'))
    rmSync(nested, { recursive: true })
    mkdirSync(join(directory, 'elsewhere', 'c'), { recursive: true })
    writeFileSync(join(directory, 'elsewhere', 'c', 'x'), 'secret')
    symlinkSync(join(directory, 'elsewhere'), nested)
    expect(await textOf('/nested/x')).toBe('bad-path')
    expect((await files.browse('/nested')).kind).toBe('bad-path')
    rmSync(nested)
  })
})

describe('listing', () => {
  test('entries with what stat says, links as links', async () => {
    chmodSync(join(sandbox, 'sub', 'x'), 0o640)
    const listed = await files.browse('/run/sub')
    expect(listed).toEqual({
      kind: 'ok',
      isWhole: true,
      files: [
        {
          path: '/run/sub/x',
          nlink: 1,
          size: 5,
          mtimeMs: expect.any(Number),
          mode: 0o100640,
          user: expect.any(String),
          group: expect.any(String),
        },
      ],
    })
    const top = await files.browse('/run/')
    const link = top.kind === 'ok' ? top.files.find(({ path }) => path === '/run/absolute') : undefined
    expect((link?.mode ?? 0) & 0o170000).toBe(0o120000)
  })

  test.each([
    ['/run/stdout', 'not-directory'],
    ['/log', 'not-directory'],
    ['/run/nowhere', 'not-found'],
    ['/run/root', 'bad-path'],
    ['/run/..', 'bad-path'],
    ['/run/inside-directory', 'ok'],
  ])('%s is %s', async (path, kind) => {
    expect((await files.browse(path)).kind).toBe(kind)
  })
})

describe('downloading', () => {
  test('the whole file, whatever is appended meanwhile', async () => {
    const content = Buffer.alloc(300_000, 'abcdefg')
    writeFileSync(join(sandbox, 'whole'), content)
    const download = await files.download('/run/whole')
    if (download.kind !== 'ok') throw new Error(download.kind)
    writeFileSync(join(sandbox, 'whole'), 'more', { flag: 'a' })
    expect(download).toMatchObject({ name: 'whole', size: 300_000 })
    const hash = createHash('sha256')
    for await (const chunk of download.stream) hash.update(chunk)
    expect(hash.digest('hex')).toBe(createHash('sha256').update(content).digest('hex'))
  })

  test('one that is given up half read', async () => {
    writeFileSync(join(sandbox, 'half'), Buffer.alloc(2_000_000))
    for (let round = 0; round < 20; round++) {
      const download = await files.download('/run/half')
      if (download.kind !== 'ok') throw new Error(download.kind)
      if (round % 2 === 0) await download.stream.iterator({ destroyOnReturn: false }).next()
      download.stream.destroy()
      await once(download.stream, 'close')
    }
  })

  test('an empty file, a directory, nothing', async () => {
    const empty = await files.download('/run/empty')
    expect(empty).toMatchObject({ kind: 'ok', size: 0, name: 'empty' })
    expect(empty.kind === 'ok' && (await empty.stream.toArray())).toEqual([])
    expect((await files.download('/run/sub')).kind).toBe('directory')
    expect((await files.download('/run/nowhere')).kind).toBe('not-found')
  })
})

test('detached is gone; attached again shows the new place', async () => {
  const own = new Files()
  own.attach('/a/', join(sandbox, 'sub'))
  expect((await own.read('/a/x', { offset: 0 })).kind).toBe('ok')
  own.attach('/a', sandbox)
  expect((await own.read('/a/x', { offset: 0 })).kind).toBe('not-found')
  expect([...own.attached()]).toEqual([['/a', sandbox]])
  own.detach('/a')
  expect((await own.read('/a/stdout', { offset: 0 })).kind).toBe('not-found')
})

test('no descriptor is left open', async () => {
  const open = () =>
    spawnSync('ls', [`/proc/${process.pid}/fd`])
      .stdout.toString()
      .split('\n').length
  const before = open()
  const paths = ['/run/stdout', '/run/sub', '/run/root', '/run/nowhere', '/run/fifo', '/run/empty']
  for (const path of [...paths, ...paths]) {
    await files.read(path, { offset: 0 })
    await files.browse(path)
    const download = await files.download(path)
    if (download.kind === 'ok') await download.stream.toArray()
  }
  // Streams close a moment after their end.
  await until(() => open() <= before)
})
