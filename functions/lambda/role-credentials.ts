// In bundles of functions, in place of the SDK's chain of credential providers: the credentials of the function's role.
import { credentialsOf } from './environment-credentials.ts'

/** Called by the SDK's clients, with options that matter to the real chain only. */
export function defaultProvider() {
  return async () => {
    const found = credentialsOf(process.env)
    if (found === undefined)
      throw new Error('a function finds its credentials in its environment; there are none')
    return found
  }
}
