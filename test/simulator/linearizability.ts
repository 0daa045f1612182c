// Whether what callers saw can be told as one sequence: the search of Wing and Gong, remembering what led nowhere.
//
// An operation takes effect at one moment between its call and its answer. One without an answer may take effect at
// any moment after its call, or never. A history is linearizable if the operations can be put in an order that keeps
// to these moments and that a sequential description allows.

export interface Operation<Input> {
  readonly input: Input
  readonly calledAt: number
  /** Absent: never answered. */
  readonly answeredAt?: number | undefined
}

/** The sequential description: what an operation makes of a state, with the answer it was given. */
export interface Model<State, Input> {
  readonly initial: State
  /** undefined: not in this state. */
  step(state: State, input: Input): State | undefined
  /** The same for equal states. */
  key(state: State): string
}

/** Positions tried before a history counts as undecided. */
const MAX_STEPS = 200_000

export type Verdict<Input> =
  | { readonly kind: 'linearizable' }
  | { readonly kind: 'undecided' }
  /** `stuck`: the operations none of which can come next, where the search got farthest. */
  | { readonly kind: 'impossible'; readonly stuck: readonly Operation<Input>[] }

export function linearize<State, Input>(
  history: readonly Operation<Input>[],
  model: Model<State, Input>,
): Verdict<Input> {
  const inOrder = [...history].sort((a, b) => a.calledAt - b.calledAt)
  const calls: Calls<Input> = {
    answered: inOrder.filter(({ answeredAt }) => answeredAt !== undefined),
    unanswered: inOrder.filter(({ answeredAt }) => answeredAt === undefined),
  }
  const start: Place<State> = { from: 0, beyond: [], used: [], state: model.initial }
  const open = [start]
  const seen = new Set<string>()
  let farthest = start
  for (let steps = 0; ; steps++) {
    const place = open.pop()
    if (place === undefined)
      return { kind: 'impossible', stuck: next(calls, farthest).map((one) => one.call) }
    if (place.from === calls.answered.length) return { kind: 'linearizable' }
    if (steps === MAX_STEPS) return { kind: 'undecided' }
    if (placed(place) > placed(farthest)) farthest = place
    const ways = next(calls, place).flatMap((candidate) => {
      const state = model.step(place.state, candidate.call.input)
      return state === undefined ? [] : [afterwards(place, candidate, state)]
    })
    const isOnly = ways.length === 1 && open.length === 0
    // The last one pushed is tried first: an answered one that was called early.
    for (const after of ways.toReversed()) {
      const { state } = after
      // Nobody comes back to a place that is the only way on.
      if (isOnly) {
        open.push(after)
        break
      }
      const name = `${after.from}|${after.beyond.join()}|${after.used.join()}|${model.key(state)}`
      if (seen.has(name)) continue
      seen.add(name)
      open.push(after)
    }
  }
}

/** Each in the order of their calls. */
interface Calls<Input> {
  readonly answered: readonly Operation<Input>[]
  readonly unanswered: readonly Operation<Input>[]
}

/** How far a search is. */
interface Place<State> {
  /** Answered operations before this one are all placed; a few beyond it are, out of turn (ascending). */
  readonly from: number
  readonly beyond: readonly number[]
  /** Unanswered operations that took effect (ascending). */
  readonly used: readonly number[]
  readonly state: State
}

interface Candidate<Input> {
  readonly kind: 'answered' | 'unanswered'
  readonly index: number
  readonly call: Operation<Input>
}

function placed(place: Place<unknown>): number {
  return place.from + place.beyond.length
}

/** What may come next: whatever was called before the first answer among all that are not placed. */
function next<Input>({ answered, unanswered }: Calls<Input>, place: Place<unknown>): Candidate<Input>[] {
  const found: Candidate<Input>[] = []
  let firstAnswer = Number.POSITIVE_INFINITY
  for (let index = place.from; index < answered.length; index++) {
    const call = answered[index]
    if (call === undefined || place.beyond.includes(index)) continue
    if (call.calledAt > firstAnswer) break
    found.push({ kind: 'answered', index, call })
    firstAnswer = Math.min(firstAnswer, call.answeredAt ?? firstAnswer)
  }
  unanswered.forEach((call, index) => {
    if (call.calledAt > firstAnswer || place.used.includes(index)) return
    found.push({ kind: 'unanswered', index, call })
  })
  return found
}

function afterwards<State>(
  place: Place<State>,
  { kind, index }: Candidate<unknown>,
  state: State,
): Place<State> {
  if (kind === 'unanswered') return { ...place, used: [...place.used, index].sort((a, b) => a - b), state }
  const beyond = [...place.beyond, index].sort((a, b) => a - b)
  let { from } = place
  while (beyond[0] === from) {
    beyond.shift()
    from += 1
  }
  return { ...place, from, beyond, state }
}
