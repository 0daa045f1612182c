// Installs what is missing before a script runs: compares the lock file with what node_modules says it holds.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const major = Number(process.versions.node.split('.')[0])
if (major < 20) {
  console.error(
    `meseta needs Node 20 or newer to start (this is ${process.version}); install a newer Node and try again`,
  )
  process.exit(1)
}
if (process.platform === 'win32') {
  console.error('meseta runs on Linux; on Windows use a Linux machine or WSL 2')
  process.exit(1)
}
if (!installed()) {
  console.error('installing what is missing (npm ci), this takes about half a minute …')
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (status !== 0) {
    console.error('npm ci failed; check the network and run it by hand to see more')
    process.exit(1)
  }
  warm()
}

/** Loads every program once, so that the first start finds the compile cache filled as every later one does. */
function warm() {
  for (const entry of ['local/main.ts', 'agent/main.ts', 'cli/main.ts']) {
    spawnSync(process.execPath, [join(root, 'bin', 'run.js'), entry, '--help'], { stdio: 'ignore' })
  }
}

/** True when every package of the lock file for this platform is in node_modules with the same version. */
function installed() {
  const hidden = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(hidden)) return false
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  const present = JSON.parse(readFileSync(hidden, 'utf8')).packages
  return Object.entries(wanted).every(
    ([path, entry]) => path === '' || entry.optional || present[path]?.version === entry.version,
  )
}
