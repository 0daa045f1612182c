// `npm run bundle`: one file per function, ready for Lambda, in dist/functions/<name>/; the agent's in dist/agent/.
//
//   dist/functions/<name>/index.mjs      handler `index.handler`
//   dist/agent/main.mjs                  with the sources of its shim, which it compiles where it runs
//
// The same sources give the same bytes.
import { cpSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build, type Plugin } from 'esbuild'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

/** Every function of the stack; each has an entry file of its name in this folder. */
export const FUNCTIONS = [
  'scheduler',
  'operator',
  'agents',
  'heartbeats',
  'allocator',
  'detector',
  'planner',
  'instance-events',
  'notifier',
  'authorizer',
] as const

export interface Bundle {
  readonly name: string
  /** All code of it, without source maps. */
  readonly bytes: number
}

/** Writes all bundles below `folder` (`dist` of the repository when absent). */
export async function bundle(folder = join(ROOT, 'dist')): Promise<readonly Bundle[]> {
  const made: Bundle[] = []
  for (const name of FUNCTIONS) {
    const outdir = join(folder, 'functions', name)
    made.push(await one(name, outdir, { index: `functions/lambda/${name}.ts` }, FUNCTION_OPTIONS))
  }
  return [...made, await bundleAgent(folder)]
}

/** The agent's alone. */
export async function bundleAgent(folder: string): Promise<Bundle> {
  const outdir = join(folder, 'agent')
  const made = await one('agent', outdir, { main: 'agent/main.ts' }, AGENT_OPTIONS)
  for (const source of shimSources(join(ROOT, 'agent'))) cpSync(source, join(outdir, basename(source)))
  return made
}

async function one(
  name: string,
  outdir: string,
  entryPoints: Readonly<Record<string, string>>,
  options: BuildOptions,
): Promise<Bundle> {
  rmSync(outdir, { recursive: true, force: true })
  mkdirSync(outdir, { recursive: true })
  await build({ ...SHARED, ...options, entryPoints, outdir })
  const files = readdirSync(outdir).filter((file) => file.endsWith('.mjs'))
  return { name, bytes: files.reduce((sum, file) => sum + statSync(join(outdir, file)).size, 0) }
}

/**
 * Node's own modules by `getBuiltinModule` instead of `import`: an import of `node:http` reads every one of its exports,
 * and some are getters that load half of the platform (measured: 47 ms for an import, 6 ms so). CommonJS packages in a
 * bundle of modules find them by it too.
 */
const builtins: Plugin = {
  name: 'builtins',
  setup(setup) {
    const known = new Set(builtinModules)
    setup.onResolve({ filter: /.*/ }, ({ path, kind }) => {
      const name = path.replace(/^node:/, '')
      if (kind === 'dynamic-import' || !(known.has(name) || path.startsWith('node:'))) return undefined
      return { path: name, namespace: 'builtin' }
    })
    setup.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(`node:${path}`)})`,
      loader: 'js',
    }))
  },
}

const SHARED: BuildOptions = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  outExtension: { '.js': '.mjs' },
  // Modules can be shaken, CommonJS cannot.
  mainFields: ['module', 'main'],
  minify: true,
  // Without the sources themselves, which are in the repository: the maps are uploaded with the code.
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'none',
  logLevel: 'warning',
  plugins: [builtins],
}

/** What other hosts call through the SDK, functions call plainly; see docs/decisions/0011-lambda-adapters.md. */
const withoutSdk: Plugin = {
  name: 'without the SDK',
  setup(setup) {
    setup.onResolve({ filter: /\/sqs-client\.ts$/ }, ({ kind }) =>
      kind === 'dynamic-import'
        ? { path: join(ROOT, 'functions/lambda/in-place-of-sqs-client.ts') }
        : undefined,
    )
  },
}

/** The SDK is read in by agents on AWS only, with the chain that finds an instance's credentials. */
const AGENT_OPTIONS: BuildOptions = { splitting: true, chunkNames: '[name]-[hash]' }

const FUNCTION_OPTIONS: BuildOptions = { splitting: false, plugins: [builtins, withoutSdk] }

/** What the agent hands to a compiler or to sh is no code of Node's. */
function shimSources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(c|sh)$/.test(file))
    .map((file) => join(folder, file))
}

if (process.argv[1] === import.meta.filename) {
  for (const { name, bytes } of await bundle()) {
    console.log(`${name.padEnd(16)} ${Math.round(bytes / 1_000)} kB`)
  }
}
