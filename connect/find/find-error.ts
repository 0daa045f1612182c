// Why a cluster was not found: a sentence for people, and of which kind it is.

export type FindErrorKind = 'usage' | 'notFound' | 'refused' | 'unreachable'

export class FindError extends Error {
  override readonly name = 'FindError'
  readonly kind: FindErrorKind

  constructor(kind: FindErrorKind, message: string) {
    super(message)
    this.kind = kind
  }
}
