#!/usr/bin/env node
// The command `meseta`: plain JavaScript, so that it can say what to do on an old Node or before the install.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
if (Number(process.versions.node.split('.')[0]) < 20) {
  console.error(
    `meseta needs Node 20 or newer to start (this is ${process.version}); install a newer Node and try again`,
  )
  process.exit(1)
}
// The repository before its install; of the package npm has installed everything.
if (existsSync(join(root, 'cli', 'main.ts')) && !existsSync(join(root, 'node_modules', 'commander'))) {
  const { status } = spawnSync(process.execPath, [join(root, 'bin', 'install.js')], { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}
process.argv.splice(2, 0, 'cli/main.ts')
await import('./run.js')
