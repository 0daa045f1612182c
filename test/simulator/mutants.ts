// Planted bugs: each must be found by a seed of at most twenty, or the checkers are blind to it.
export async function findMutants(_options: unknown): Promise<number> {
  return 1
}
