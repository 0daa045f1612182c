// What an operator call comes to: a message, a done deed, a refusal with a sentence, or a stream.
import type { MasterEvent, MasterResponse } from '../../protocol/messages.ts'

export type Outcome =
  | { readonly kind: 'response'; readonly response: MasterResponse }
  /** Done; nothing to say. */
  | { readonly kind: 'done'; readonly status: 200 | 202 }
  | {
      readonly kind: 'refused'
      readonly status: 400 | 403 | 404 | 409 | 500 | 501 | 503
      readonly text: string
    }
  /** Events until either side ends it; `say` is false once nothing more arrives. */
  | {
      readonly kind: 'stream'
      run(say: (event: MasterEvent) => Promise<boolean>, closed: AbortSignal): Promise<void>
    }

export const DONE: Outcome = { kind: 'done', status: 200 }

export function respond(response: MasterResponse): Outcome {
  return { kind: 'response', response }
}

export function refuse(status: Extract<Outcome, { kind: 'refused' }>['status'], text: string): Outcome {
  return { kind: 'refused', status, text }
}
