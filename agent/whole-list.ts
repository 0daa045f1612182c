// Puts the pages of a list together, if they are of one list.
import type { SyncAnswer } from '../protocol/agent-messages.ts'

type Wanted = Extract<SyncAnswer, { kind: 'wanted' }>

/** Undefined when the pages were not of one generation: concluding anything from them would be wrong. */
export async function wholeList(
  page: (after: string | undefined) => Promise<SyncAnswer>,
): Promise<SyncAnswer | undefined> {
  const pages: Wanted[] = []
  let after: string | undefined
  do {
    const answer = await page(after)
    if (answer.kind !== 'wanted') return answer
    if (pages[0] !== undefined && pages[0].generation !== answer.generation) return undefined
    pages.push(answer)
    after = answer.next
  } while (after !== undefined)
  const [first] = pages
  if (first === undefined) return undefined
  return {
    kind: 'wanted',
    generation: first.generation,
    tasks: pages.flatMap((one) => one.tasks),
    frameworks: pages.flatMap((one) => one.frameworks),
    endExecutors: pages.flatMap((one) => one.endExecutors),
    ...(first.drain === undefined ? {} : { drain: first.drain }),
  }
}
