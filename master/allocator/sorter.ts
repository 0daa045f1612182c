// Dominant resource fairness over a tree of roles (or a flat list of frameworks): who is served next.
//
// The share of a node is the largest part it holds of any scalar resource, divided by its weight. Siblings are
// ordered by share; equal ones take turns, beginning after the one served last (Mesos counts how often each was served,
// and remembers it in its process); the tree is walked depth first. A role that is a leaf and has children competes with
// them as a virtual child `.`:
//
//   eng            weight 2, holds what eng/. and eng/web hold together
//   ├── .          frameworks of role eng
//   └── web        frameworks of role eng/web
import type { Quantities } from '../../protocol/resources.ts'

export interface Sorter {
  /** Makes a leaf a candidate. Leaves that are only charged count in their parents and are never served. */
  activate(path: string): void
  /** Adds to what a leaf holds, in thousandths of scalars. */
  charge(path: string, amounts: Quantities): void
  /** Says that a leaf was served: of equal shares, those behind it in the order of paths come first now. */
  served(path: string): void
  /** The active leaves, the one to be served next first. Follows every charge. */
  order(): readonly string[]
  /** Dominant share of a node with all below it, before its weight is applied; 0 for an unknown one. */
  share(path: string): number
}

interface Node {
  readonly path: string
  readonly name: string
  readonly children: Map<string, Node>
  readonly held: Map<string, number>
  readonly weight: number
  /** Name of the child that was served last. */
  last: string | undefined
  /** Set on a leaf only: the role or framework it stands for, once it is active. */
  active: string | undefined
}

/** Name of the child that stands for the frameworks of the role itself. */
const OWN_LEAF = '.'

/**
 * @param total capacity of the cluster per scalar resource, in thousandths; a resource of which there is none
 *   counts for nobody
 * @param weights per path, 1 where none is given
 */
export function sorter(total: Quantities, weights: Readonly<Record<string, number>> = {}): Sorter {
  const root = node('', '')
  const lineages = new Map<string, readonly Node[]>()
  let order: readonly string[] | undefined

  return {
    activate(path) {
      const leaf = lineage(path).at(-1)
      if (leaf !== undefined) leaf.active = path
      order = undefined
    },
    charge(path, amounts) {
      for (const each of lineage(path)) {
        for (const [name, amount] of Object.entries(amounts)) {
          each.held.set(name, (each.held.get(name) ?? 0) + amount)
        }
      }
      order = undefined
    },
    served(path) {
      let above = root
      for (const each of lineage(path)) {
        above.last = each.name
        above = each
      }
      order = undefined
    },
    order() {
      order ??= leavesOf(root)
      return order
    },
    share(path) {
      const found = path.split('/').reduce<Node | undefined>((at, name) => at?.children.get(name), root)
      return found === undefined ? 0 : dominant(found)
    },
  }

  /** The nodes from the top-level role down to the leaf of `path`. */
  function lineage(path: string): readonly Node[] {
    const known = lineages.get(path)
    if (known !== undefined) return known
    const nodes: Node[] = []
    lineages.set(path, nodes)
    let at = root
    for (const name of [...path.split('/'), OWN_LEAF]) {
      const below = at.path === '' ? name : `${at.path}/${name}`
      const next = at.children.get(name) ?? node(below, name)
      at.children.set(name, next)
      nodes.push(next)
      at = next
    }
    return nodes
  }

  function node(path: string, name: string): Node {
    const weight = Object.hasOwn(weights, path) ? (weights[path] ?? 1) : 1
    return { path, name, children: new Map(), held: new Map(), weight, last: undefined, active: undefined }
  }

  function leavesOf(at: Node): string[] {
    if (at.active !== undefined) return [at.active]
    return [...at.children.values()]
      .map((child) => ({ child, share: dominant(child) / child.weight }))
      .sort((a, b) => a.share - b.share || inTurn(a.child.name, b.child.name, at.last))
      .flatMap(({ child }) => leavesOf(child))
  }

  function dominant(at: Node): number {
    let share = 0
    for (const [name, held] of at.held) {
      const capacity = total[name] ?? 0
      if (capacity > 0) share = Math.max(share, held / capacity)
    }
    return share
  }
}

/** In the order of names, as a ring that begins behind `last`. */
function inTurn(a: string, b: string, last: string | undefined): number {
  const isPast = (name: string): boolean => last !== undefined && name <= last
  if (isPast(a) !== isPast(b)) return isPast(a) ? 1 : -1
  return a < b ? -1 : 1
}
