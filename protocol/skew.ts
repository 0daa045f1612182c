// Releases side by side: command line, agent and control plane say theirs, and work with one of a minor release apart (R35).
import { MESETA_VERSION } from './version.ts'

/** Of every request of ours and every answer to one; nobody refuses anything for what it says. */
export const VERSION_HEADER = 'meseta-version'

/**
 * One sentence if two releases are too far apart to have been tried together; undefined if they are not, or if the
 * other did not say (a plain Mesos client, a release before this header).
 * @param who has the other release, as a sentence begins: "The control plane"
 */
export function skewWarning(
  who: string,
  theirs: string | null | undefined,
  ours: string = MESETA_VERSION,
): string | undefined {
  const [here, there] = [releaseOf(ours), releaseOf(theirs ?? '')]
  if (here === undefined || there === undefined) return undefined
  if (here.major === there.major && Math.abs(here.minor - there.minor) <= 1) return undefined
  const isNewer = there.major > here.major || (there.major === here.major && there.minor > here.minor)
  return (
    `${who} is Meseta ${there.text} and this is ${here.text}: only neighbouring minor releases are made to work together; ` +
    `upgrade ${isNewer ? 'this one' : 'that one'}, one minor release at a time`
  )
}

function releaseOf(
  text: string,
): { readonly major: number; readonly minor: number; readonly text: string } | undefined {
  const found = /^(\d{1,6})\.(\d{1,6})\.\d{1,6}(?=$|[-+])/.exec(text.trim())
  // What else stands there is not repeated: it came from somebody else.
  return found === null ? undefined : { major: Number(found[1]), minor: Number(found[2]), text: found[0] }
}
