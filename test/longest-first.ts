// The order of the test files: those that take minutes begin first, so that none of them runs alone at the end.
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Of those that only calculate no two begin together: they take what the others leave of two cores. */
const LONG = [
  'test/simulator/crash-points.test.ts',
  'test/chaos/chaos.test.ts',
  'test/cdk/machine.test.ts',
  'test/cli/commands.test.ts',
  'test/live/tour.test.ts',
  'test/package.test.ts',
  'test/simulator/simulator.test.ts',
]

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const placeOf = ({ moduleId }: TestSpecification) => {
      const place = LONG.findIndex((path) => moduleId.endsWith(path))
      return place < 0 ? LONG.length : place
    }
    return sorted.toSorted((a, b) => placeOf(a) - placeOf(b))
  }
}
