// Dominant resource fairness over a tree of roles (or a flat list of frameworks): who is served next.
//
// The share of a node is the largest part it holds of any scalar resource, divided by its weight. Siblings are
// ordered by share, then by how often they were served lately, then by path; the tree is walked depth first. A role
// that is a leaf and has children competes with them as a virtual child `.`:
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
  /** Says that a leaf was served; of two equal shares the one served less often comes first. */
  served(path: string): void
  /** The active leaves, the one to be served next first. Follows every charge. */
  order(): readonly string[]
  /** Dominant share of a node with all below it, before its weight is applied; 0 for an unknown one. */
  share(path: string): number
}

interface Node {
  readonly path: string
  readonly children: Map<string, Node>
  readonly held: Map<string, number>
  readonly weight: number
  served: number
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
  const root = node('')
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
      for (const each of lineage(path)) each.served++
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
  function lineage(path: string): Node[] {
    const nodes: Node[] = []
    let at = root
    for (const name of [...path.split('/'), OWN_LEAF]) {
      const below = at.path === '' ? name : `${at.path}/${name}`
      const next = at.children.get(name) ?? node(below)
      at.children.set(name, next)
      nodes.push(next)
      at = next
    }
    return nodes
  }

  function node(path: string): Node {
    const weight = Object.hasOwn(weights, path) ? (weights[path] ?? 1) : 1
    return { path, children: new Map(), held: new Map(), weight, served: 0, active: undefined }
  }

  function leavesOf(at: Node): string[] {
    if (at.active !== undefined) return [at.active]
    return [...at.children.values()]
      .map((child) => ({ child, share: dominant(child) / child.weight }))
      .sort((a, b) => a.share - b.share || a.child.served - b.child.served || byText(a.child, b.child))
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

function byText(a: Node, b: Node): number {
  return a.path < b.path ? -1 : 1
}
