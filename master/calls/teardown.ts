// TEARDOWN: the framework is removed; its stream ends without a word about its tasks (C106).
import type { Context } from '../context.ts'
import type { Decision } from '../decision.ts'
import { remove } from '../frameworks/lifecycle.ts'
import type { Framework } from '../model.ts'
import { ACCEPTED, type CallAnswer } from './answer.ts'

/** Commits the fact; gates are raised and tasks ended after it (`raiseGates`, `endTasks`). A repeat is 202 as well. */
export function teardown(
  { framework }: { readonly framework: Framework },
  context: Context,
): Decision<CallAnswer> {
  return { ...remove(framework, context), answer: ACCEPTED }
}
