// Which shim is picked: compiled once, kept by content, and none is needed to begin.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { chooseShim } from '../../../agent/containerizer/shim.ts'
import { findAccount } from '../../../agent/containerizer/user.ts'
import { shimKinds } from './fixture.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'meseta-shim-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

describe.runIf(shimKinds.includes('c'))('with a compiler', () => {
  test('sh until it is compiled, then C; the next start finds it', async () => {
    const buildDirectory = join(directory, 'build')
    const first = chooseShim({ buildDirectory })
    expect(first.current().kind).toBe('sh')
    expect((await first.ready).kind).toBe('c')
    expect(first.current().kind).toBe('c')
    const [binary, ...others] = readdirSync(buildDirectory)
    expect(others).toEqual([])
    const { ino } = statSync(join(buildDirectory, binary ?? ''))
    expect((await chooseShim({ buildDirectory }).ready).kind).toBe('c')
    expect(statSync(join(buildDirectory, binary ?? '')).ino).toBe(ino)
  })

  test('two at once leave one that works', async () => {
    const choices = Array.from({ length: 2 }, () => chooseShim({ buildDirectory: directory }))
    expect((await Promise.all(choices.map(({ ready }) => ready))).map(({ kind }) => kind)).toEqual(['c', 'c'])
    expect(readdirSync(directory)).toHaveLength(1)
  })

  test('a damaged one is made again', async () => {
    await chooseShim({ buildDirectory: directory }).ready
    const binary = join(directory, readdirSync(directory)[0] ?? '')
    writeFileSync(binary, '')
    expect((await chooseShim({ buildDirectory: directory }).ready).kind).toBe('c')
    expect(statSync(binary).size).toBeGreaterThan(1_000)
  })
})

test('source that does not compile, a build directory that cannot be: sh stays', async () => {
  writeFileSync(join(directory, 'shim.c'), 'int main( {')
  const broken = chooseShim({ buildDirectory: join(directory, 'build'), sourceDirectory: directory })
  expect((await broken.ready).kind).toBe('sh')
  const nowhere = chooseShim({ buildDirectory: '/etc/passwd/build' })
  expect((await nowhere.ready).kind).toBe('sh')
})

test('sh when only that is wanted', async () => {
  const { ready } = chooseShim({ buildDirectory: directory, only: 'sh' })
  expect((await ready).kind).toBe('sh')
  expect(existsSync(directory) && readdirSync(directory)).toEqual([])
})

test('a changed script harms no shim that runs', () => {
  const script = readFileSync(join(import.meta.dirname, '../../../agent/containerizer/shim.sh'), 'utf8')
  // sh reads scripts as it goes: everything stands in functions, and the last line leaves.
  expect(script.trimEnd().endsWith('main "$@"\nexit')).toBe(true)
})

describe('accounts', () => {
  const account = async (name: string, passwd: string, group = '') => {
    const files = { passwd: join(directory, 'passwd'), group: join(directory, 'group') }
    writeFileSync(files.passwd, passwd)
    writeFileSync(files.group, group)
    return findAccount(name, files)
  }

  test('numbers and supplementary groups', async () => {
    const group = 'web:x:30:ann,bob\nbob:x:1001:\nadm:x:4:bob\nother:x:5:bobby\nown:x:1001:bob\n'
    expect(await account('bob', 'ann:x:1000:1000::/:\nbob:x:1001:1001::/home/bob:/bin/sh\n', group)).toEqual({
      name: 'bob',
      uid: 1001,
      gid: 1001,
      groups: [30, 4],
    })
  })

  test.each(['no-such-user', '', '../etc', '-x', 'a b', 'bob:x:0:0', 'bob\nroot'])(
    'nobody: %j',
    async (name) => {
      expect(await account(name, 'bob:x:1001:1001::/:\n')).toBeUndefined()
    },
  )

  test('the machine’s own', async () => {
    expect(await findAccount('root')).toMatchObject({ uid: 0, gid: 0 })
  })
})
