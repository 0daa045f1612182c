// Runs a TypeScript entry of the project on Node 24, whatever Node npm itself was started with.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import nodeModule from 'node:module'
import { constants } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const [entry, ...rest] = process.argv.slice(2)
const target = resolve(root, entry)

if (process.versions.node.startsWith('24.')) {
  // Not a named import: Node 20, which only passes on to Node 24, does not have it.
  nodeModule.enableCompileCache(join(root, 'node_modules', '.cache', 'compile'))
  process.argv = [process.argv[0], target, ...rest]
  // Noted before anything is loaded, for `npm start` ends with its parent, which may be gone by then.
  process.env.MESETA_STARTED_BY = String(process.ppid)
  await import(pathToFileURL(target).href)
} else {
  const node = join(root, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node')
  if (!existsSync(node)) {
    console.error(
      `no Node 24 for ${process.platform}-${process.arch} is installed; run meseta with Node 24 from https://nodejs.org`,
    )
    process.exit(1)
  }
  const child = spawn(node, [join(root, 'bin', 'run.js'), entry, ...rest], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1'])
    process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1)))
}
