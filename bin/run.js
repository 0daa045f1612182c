// Runs a program of the project on Node 24, whatever Node npm itself was started with: the TypeScript of the repository,
// or what bin/build.ts made of it for the package.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import nodeModule, { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const [entry, ...rest] = process.argv.slice(2)
const source = resolve(root, entry)
const isSource = existsSync(source)

if (process.versions.node.startsWith('24.')) {
  const target = isSource ? source : made(entry)
  // Not a named import: Node 20, which only passes on to Node 24, does not have it.
  nodeModule.enableCompileCache(isSource ? join(root, 'node_modules', '.cache', 'compile') : undefined)
  process.argv = [process.argv[0], target, ...rest]
  // Noted before anything is loaded, for `npm start` ends with its parent, which may be gone by then.
  process.env.MESETA_STARTED_BY = String(process.ppid)
  await import(pathToFileURL(target).href)
} else {
  const node = nodeOfPackage()
  if (node === undefined) {
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

/** In the package; the agent is the bundle that machines run. */
function made(entry) {
  if (entry === 'agent/main.ts') return join(root, 'lib', 'dist', 'agent', 'main.mjs')
  return join(root, 'lib', entry.replace(/\.ts$/, '.js'))
}

/** An optional dependency, which npm installs beside us or below. */
function nodeOfPackage() {
  try {
    const manifest = createRequire(import.meta.url).resolve(`node-linux-${process.arch}/package.json`)
    const node = join(dirname(manifest), 'bin', 'node')
    return existsSync(node) ? node : undefined
  } catch {
    return undefined
  }
}
