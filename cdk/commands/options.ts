// What commands read of the options that they pass on to `cdk`.
import { readOutputs } from './outputs.ts'

/** The stack and the prefix of its queues, as `-c stackName=…` and `-c prefix=…` say, like cdk/app.ts. */
export function clusterOf(args: readonly string[]): { readonly stack: string; readonly prefix: string } {
  const stack = contextOf(args, 'stackName') ?? 'Meseta'
  return { stack, prefix: contextOf(args, 'prefix') ?? prefixOfOutputs(stack) ?? 'meseta' }
}

/** The last `-c name=value` or `--context name=value`. */
export function contextOf(args: readonly string[], name: string): string | undefined {
  const values = args.flatMap((arg, index) => {
    if (arg === '-c' || arg === '--context') return [args[index + 1] ?? '']
    const [, value] = /^(?:--context=|-c=?)(.+)$/s.exec(arg) ?? []
    return value === undefined ? [] : [value]
  })
  return values.findLast((value) => value.startsWith(`${name}=`))?.slice(name.length + 1)
}

/** Behind the help of each command. */
export function passedOn(example: string): string {
  return `
Everything else is passed on to the CDK: context (-c name=value) chooses what is deployed, see cdk/README.md.
  ${example}`
}

function prefixOfOutputs(stack: string): string | undefined {
  try {
    return readOutputs(stack).QueuePrefix
  } catch {
    return undefined
  }
}
