// Bundles for tests of the stack: a folder per function with nothing in it worth running.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { App, type StackProps } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { type AgentGroupProps, FUNCTIONS, type MesetaProps } from '../../cdk/props.ts'
import { MesetaStack } from '../../cdk/stack.ts'

export function stubBundles(): string {
  const folder = mkdtempSync(join(tmpdir(), 'meseta-stubs-'))
  for (const name of FUNCTIONS) {
    mkdirSync(join(folder, 'functions', name), { recursive: true })
    writeFileSync(join(folder, 'functions', name, 'index.mjs'), `export const handler = () => '${name}'\n`)
  }
  mkdirSync(join(folder, 'agent'))
  writeFileSync(join(folder, 'agent', 'main.mjs'), '')
  return folder
}

/** One group of machines, whose Node is installed here; the names of everything are the same everywhere. */
export const WITH_AGENTS: { readonly agents: readonly AgentGroupProps[] } = {
  agents: [{ name: 'agents', architecture: process.arch === 'arm64' ? 'arm64' : 'x64' }],
}

export function templateOf(props: MesetaProps & StackProps): Template {
  return Template.fromStack(new MesetaStack(new App(), 'Meseta', { bundlesDir: stubBundles(), ...props }))
}
