// Who may look into the folder of a cluster that root started: its tasks' users come to their sandboxes, and no further.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { openDataFolder } from '../../local/data-folder.ts'
import { killMachine } from '../../local/machine.ts'
import { type Started, start } from './start.ts'

const isRoot = process.getuid?.() === 0
const NOBODY = 65_534
let started: Started | undefined
let parent = ''
afterEach(async () => {
  await started?.stop()
  if (parent !== '') killMachine(join(parent, 'data'))
  rmSync(parent, { recursive: true, force: true, maxRetries: 5 })
})

test('the folder is closed to others, or for root a way to pass', () => {
  parent = mkdtempSync(join(tmpdir(), 'meseta-folder-'))
  const folders = [openDataFolder(join(parent, 'data')), openDataFolder(undefined)]
  for (const { path } of folders) expect(statSync(path).mode & 0o777).toBe(isRoot ? 0o711 : 0o700)
  for (const { giveBack } of folders) giveBack()
})

test.skipIf(!isRoot)('A21 another user reads neither table, queues, logs nor checkpoints in it', async () => {
  parent = mkdtempSync(join(tmpdir(), 'meseta-folder-'))
  const data = join(parent, 'data')
  spawnSync('chmod', ['755', parent])
  started = start(['--port', '0', '--agents', '1', '--data', data])
  await started.ready()
  const as = (command: string, path: string) =>
    spawnSync(command, [path], { uid: NOBODY, gid: NOBODY }).status
  expect(as('ls', data)).not.toBe(0)
  const files = readdirSync(data).filter((name) => /sqlite|log$/.test(name))
  expect(files).toContain('dynamodb.sqlite')
  for (const name of files) expect([name, as('cat', join(data, name))]).not.toEqual([name, 0])
  const agent = join(data, 'agents', '0')
  for (const name of ['meta', 'containers', 'trash']) expect(as('ls', join(agent, name))).not.toBe(0)
  expect(as('ls', join(data, 'sqs'))).not.toBe(0)
  expect(as('cat', join(agent, 'agent.log'))).not.toBe(0)
  // The way to the sandboxes is open.
  expect(as('ls', join(agent, 'slaves'))).toBe(0)
})
