// What the last deployment said of itself, kept in meseta-outputs.json in the form of `cdk deploy --outputs-file`.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './run.ts'

export const OUTPUTS_FILE = join(ROOT, 'meseta-outputs.json')

export interface Outputs {
  /** Where frameworks, operators and agents call, without a slash at its end. */
  readonly Url: string
  readonly ApiId: string
  readonly TableName: string
  readonly QueuePrefix: string
  readonly SecretArn: string
  /** Of an emulator; absent in an account. */
  readonly Endpoint?: string | undefined
}

type File = Readonly<Record<string, Outputs>>

/** The outputs of a stack. Throws a sentence when it was not deployed from here. */
export function readOutputs(stack: string, file = OUTPUTS_FILE): Outputs {
  const found = readFile(file)[stack]
  if (found === undefined) {
    throw new Error(
      `${file} does not know a stack ${stack}; \`npm run deploy\` or \`deploy:local\` writes it`,
    )
  }
  return found
}

/** Completes what `cdk deploy` wrote: AWS's address leads nowhere on an emulator, which has its own. */
export function completeOutputs(stack: string, endpoint: string | undefined, file = OUTPUTS_FILE): Outputs {
  const said = readOutputs(stack, file)
  const url = endpoint === undefined ? said.Url : `${endpoint}/_aws/execute-api/${said.ApiId}/prod`
  const outputs: Outputs = {
    Url: url.replace(/\/+$/, ''),
    ApiId: said.ApiId,
    TableName: said.TableName,
    QueuePrefix: said.QueuePrefix,
    SecretArn: said.SecretArn,
    ...(endpoint === undefined ? {} : { Endpoint: endpoint }),
  }
  write({ ...readFile(file), [stack]: outputs }, file)
  return outputs
}

/** The stack is gone; others stay. */
export function forgetOutputs(stack: string, file = OUTPUTS_FILE): void {
  const { [stack]: _, ...others } = readFile(file)
  if (existsSync(file)) write(others, file)
}

function readFile(file: string): File {
  // Written by `cdk deploy` and by us.
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as File) : {}
}

function write(content: File, file: string): void {
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`)
}
