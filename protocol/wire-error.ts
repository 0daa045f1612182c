// What goes wrong while a message is read, and where: the path of field names and list positions.

/** Something a client sent that does not fit; the message is a sentence for that client. */
export class WireError extends Error {}

/** Messages nest at most this deep; only nested containers nest without a bound of their own. */
export const maxDepth = 64

/** What a client sent, quoted for a sentence: without control characters and not at full length. */
export function quoted(text: string): string {
  const shown = JSON.stringify(text.slice(0, longestQuote)).slice(1, -1).replaceAll('\\"', '"')
  return text.length > longestQuote ? `'${shown}…'` : `'${shown}'`
}

const longestQuote = 80

/** The way down to the field being read. */
export class Place {
  private readonly steps: (string | number)[] = []
  private depth = 0

  enter(step: string | number): void {
    this.steps.push(step)
  }

  leave(): void {
    this.steps.pop()
  }

  enterMessage(): void {
    this.depth += 1
    if (this.depth > maxDepth) throw new WireError(`Messages are nested more than ${maxDepth} deep`)
  }

  leaveMessage(): void {
    this.depth -= 1
  }

  /** Refuses the value of the current field, naming it. */
  refuse(reason: string): never {
    throw new WireError(`Field '${this}' ${reason}`)
  }

  /** The path as a client would write it: `accept.operations[0].type`. */
  toString(): string {
    return this.steps
      .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
      .join('')
      .slice(1)
  }
}
