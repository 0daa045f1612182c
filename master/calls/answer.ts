// What a call of the scheduler API is answered: a status and, where there is something to say, a text.

export interface CallAnswer {
  readonly status: 200 | 202 | 400 | 403 | 404 | 409 | 501
  readonly text?: string | undefined
}

/** Taken; what follows, follows as events, or as silence. */
export const ACCEPTED: CallAnswer = { status: 202 }
