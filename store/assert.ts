// What only a bug can break, said in a sentence made only when it is broken.

/** Thrown for a commit or read that no correct caller asks for; repeating it does not help. */
export class StoreMisused extends Error {}

export function assert(condition: boolean, sentence: () => string): asserts condition {
  if (!condition) throw new StoreMisused(sentence())
}
