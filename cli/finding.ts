// A deployed cluster by the name of its stack; AWS is asked by code that is loaded only then.
import type { Wanted } from '../connect/find/find-cluster.ts'
import type { FindError } from '../connect/find/find-error.ts'
import type { Context } from './config.ts'
import { CommandError, EXIT } from './exit-codes.ts'

/** Throws the sentence of why it was not found, with its exit code. */
export async function find(wanted: Wanted, environment: NodeJS.ProcessEnv): Promise<Context> {
  const [{ findCluster }, { FindError }] = await Promise.all([
    import('../connect/find/find-cluster.ts'),
    import('../connect/find/find-error.ts'),
  ])
  try {
    const { url } = await findCluster(wanted, { environment })
    return { master: url, stack: wanted.stack }
  } catch (error) {
    if (error instanceof FindError) throw new CommandError(error.message, codeOf(error))
    throw error
  }
}

/** Nobody answers at an address that was looked up some hours ago: it is looked up anew next time, and that is said. */
export async function forgetStale({ master, stack }: Context, error: CommandError): Promise<void> {
  if (error.code !== EXIT.unreachable && error.code !== EXIT.refused) return
  const { forget } = await import('../connect/find/address-book.ts')
  if (!forget(master)) return
  error.message += `\n(the address was that of the stack ${stack} some time ago; the next command looks it up again)`
}

function codeOf({ kind }: FindError): number {
  return EXIT[kind]
}
