// Admission and decision in one: a call is judged by what was loaded with its framework, and again on every retry.
import { admit, type Caller } from '../../master/calls/admit.ts'
import type { CallAnswer } from '../../master/calls/answer.ts'
import { type Decision, nothing } from '../../master/decision.ts'
import type { Framework } from '../../master/model.ts'

/** An answer, and the session it was given to; no session if the call was not admitted. */
export interface Admitted<Answer = CallAnswer> {
  readonly answer: Answer
  readonly epoch?: number | undefined
}

/** Wraps a decision so that it is made only for callers that are admitted. */
export function judged<Loaded extends { readonly framework: Framework }, Answer>(
  caller: Caller,
  decide: (loaded: Loaded) => Decision<Answer>,
): (loaded: Loaded | undefined) => Decision<Admitted<Answer | CallAnswer>> {
  return (loaded) => {
    const admission = admit(loaded?.framework, caller)
    if (admission !== 'admitted') return nothing({ answer: admission })
    // Admission needs a framework, so it is there.
    if (loaded === undefined) throw new Error('a framework was admitted that was not loaded')
    const decision = decide(loaded)
    return { ...decision, answer: { answer: decision.answer, epoch: loaded.framework.epoch } }
  }
}
