// The link to the newest run.
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { pointLatest } from '../../../agent/containerizer/sandbox.ts'

test('latest points to the newest run and leaves nothing else', async () => {
  const runs = mkdtempSync(join(tmpdir(), 'meseta-runs-'))
  for (const run of ['1', '2', '2', '3']) await pointLatest(join(runs, 'latest'), run)
  expect(readlinkSync(join(runs, 'latest'))).toBe('3')
  expect(readdirSync(runs)).toEqual(['latest'])
  rmSync(runs, { recursive: true })
})
