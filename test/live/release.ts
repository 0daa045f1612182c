// Another release of our programs: the same sources under another version, in a folder of their own.
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../vitest.ts'

const SOURCES = ['protocol', 'master', 'store', 'functions', 'agent', 'local', 'bin', 'package.json']

/** Gives the folder of the release, made below `folder`. */
export function releaseOf(version: string, folder: string): string {
  const root = join(folder, `release-${version}`)
  mkdirSync(root, { recursive: true })
  for (const part of SOURCES) cpSync(join(ROOT, part), join(root, part), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'))
  const file = join(root, 'protocol', 'version.ts')
  writeFileSync(file, readFileSync(file, 'utf8').replace(/(MESETA_VERSION = )'[^']*'/, `$1'${version}'`))
  return root
}
