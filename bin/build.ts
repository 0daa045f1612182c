// Makes lib/, which is what the npm package runs: Node strips no types below node_modules, so it holds JavaScript.
//
//   lib/{cdk,protocol,connect,cli}/   each source as a module, with its declarations
//   lib/dist/                         the bundles of the functions and the agent, where the construct looks for them
//   lib/cdk/agent/                    the scripts of the machines
//
// `npm pack` runs it first (prepack).
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundle } from '../functions/lambda/bundle.ts'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const LIB = join(ROOT, 'lib')

rmSync(LIB, { recursive: true, force: true })
mkdirSync(LIB)
emit()
cpSync(join(ROOT, 'cdk', 'agent'), join(LIB, 'cdk', 'agent'), { recursive: true })
await bundle(join(LIB, 'dist'))

/** By the compiler, which also writes the declarations. */
function emit(): void {
  const tsc = join(ROOT, 'node_modules', '.bin', 'tsc')
  const { status } = spawnSync(tsc, ['-p', 'bin/tsconfig.json'], { cwd: ROOT, stdio: 'inherit' })
  if (status !== 0) throw new Error('the sources do not compile; npm run check says more')
}
