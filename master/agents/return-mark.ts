// The mark of a return, and how far the return is: what every step of it asks first.
import type { Ledger } from '../model.ts'

/** Names one return of one agent: what it lists is marked with this. */
export function returnId(ledger: Ledger): string {
  return `${ledger.incarnation}/${ledger.lossNumber}`
}

/** True while the agent's list is being taken over: its updates wait, and it is given no list of its own. */
export function isReturning(ledger: Ledger): boolean {
  return ledger.openWork?.kind === 'return'
}

/** True in the first return after a restore of the table: what the agent lists counts, whatever stands here (F73). */
export function isRestored({ openWork }: Ledger): boolean {
  return openWork?.kind === 'return' && openWork.restored === true
}

/** True when every page was taken: what is not marked now was not listed. */
export function isListed(ledger: Ledger): boolean {
  return ledger.openWork?.kind === 'return' && ledger.openWork.pagesTaken >= ledger.openWork.pages
}
