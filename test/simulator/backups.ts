// Point-in-time recovery of the table in memory: it goes back to any moment of the last minutes, and may tear a transaction.
import type { ItemKind, Items } from '../../master/model.ts'
import type { Clock } from '../../protocol/clock.ts'
import { ANYTHING } from '../../store/conditions.ts'
import type { Row, RowKey, Rows, Step } from '../../store/rows.ts'
import type { Chance } from './virtual-time.ts'

/** Commits older than this are not taken back any more. */
const KEPT_MS = 5 * 60_000
/** Old commits are dropped when there are so many. */
const MANY = 4_000

/** What stood in one row before a commit. */
interface Before {
  readonly key: RowKey
  readonly row: Row | undefined
}

interface Commit {
  readonly at: number
  readonly rows: readonly Before[]
}

/** One item that is not what it was: of a kind, before and after the table went back. */
export interface Rewound {
  readonly kind: ItemKind
  readonly was: Items[ItemKind] | undefined
  readonly is: Items[ItemKind] | undefined
}

export interface Rewinding {
  /** The moment the table is of now, ms since 1970. */
  readonly asOf: number
  readonly commits: number
  /** Rows of the transaction that was cut through: written, and in all. */
  readonly torn: { readonly kept: number; readonly of: number } | undefined
  readonly items: readonly Rewound[]
}

export interface BackedUpRows extends Rows {
  /** Goes back to a moment: what was committed after it is undone, but for a part of the first, when that is torn. */
  goBack(asOf: number, tears: boolean, chance: Chance): Promise<Rewinding>
}

/** Rows over a table in memory that remembers its items (store/kept.ts), with what was there before each commit. */
export function backedUp(rows: Rows, clock: Clock): BackedUpRows {
  let journal: Commit[] = []

  return {
    read: (keys) => rows.read(keys),
    list: (listing) => rows.list(listing),

    async commit(steps, token) {
      const written = steps.filter((step) => step.do !== 'check').map(({ row: { pk, sk } }) => ({ pk, sk }))
      // Rows in memory do both when they are called: nobody comes in between.
      const [before, failed] = await Promise.all([rows.read(written), rows.commit(steps, token)])
      if (failed.length > 0 || written.length === 0) return failed
      journal.push({ at: clock.now(), rows: written.map((key, index) => ({ key, row: before[index] })) })
      if (journal.length > MANY) journal = journal.filter(({ at }) => at > clock.now() - KEPT_MS)
      return failed
    },

    async goBack(asOf, tears, chance) {
      const from = journal.findIndex(({ at, rows: { length } }) => at > asOf && (!tears || length > 1))
      const undone = from < 0 ? [] : journal.slice(from)
      const first = undone[0]
      const kept = tears ? (first?.rows ?? []).filter(() => chance.happens(0.5)) : []
      // Of each row the oldest commit that is undone says what was there.
      const target = new Map<string, Before>()
      for (const { rows: of } of undone.toReversed())
        for (const one of of) if (!kept.includes(one)) target.set(`${one.key.pk} ${one.key.sk}`, one)
      const all = [...target.values()]
      const was = await rows.read(all.map(({ key }) => key))
      await rows.commit(all.map(stepOf), 'restored')
      journal = []
      return {
        asOf: first?.at ?? asOf,
        commits: undone.length,
        torn: kept.length > 0 ? { kept: kept.length, of: first?.rows.length ?? 0 } : undefined,
        items: all.map(({ key, row }, index) => ({
          kind: kindOf(key),
          was: itemOf(was[index]),
          is: itemOf(row),
        })),
      }
    },
  }
}

function stepOf({ key, row }: Before): Step {
  const always = { rule: ANYTHING, args: {} }
  return row === undefined ? { do: 'remove', row: key, ...always } : { do: 'put', row, ...always }
}

/** Kept beside its row. */
function itemOf(row: Row | undefined): Items[ItemKind] | undefined {
  return (row as (Row & { readonly item?: Items[ItemKind] }) | undefined)?.item
}

/** As store/items.ts lays them out: how keys begin. */
const PLACES: readonly (readonly [pk: string, sk: string, kind: ItemKind])[] = [
  ['AGENT#', 'LEDGER', 'ledger'],
  ['AGENT#', 'RUN#', 'run'],
  ['AGENT#', 'EXECUTOR#', 'executor'],
  ['AGENT#', 'HOLD#', 'hold'],
  ['AGENTS#', '', 'agent'],
  ['INSTANCE#', '', 'instance'],
  ['BEATS#', '', 'beats'],
  ['FRAMEWORKS', '', 'framework'],
  ['FRAMEWORK#', 'GATE#', 'gate'],
  ['FRAMEWORK#', 'LEASE', 'lease'],
  ['FRAMEWORK#', 'CALLED', 'called'],
  ['FRAMEWORK#', 'ACCEPT#', 'accepting'],
  ['FRAMEWORK#', 'TASK#', 'task'],
  ['MAIL#', '', 'mail'],
  ['LOSSES', 'HEAD', 'lossHead'],
  ['LOSSES', '', 'loss'],
  ['CLUSTER', 'CLUSTER', 'cluster'],
  ['CLUSTER', 'TICK', 'tick'],
  ['CLUSTER', 'ALLOCATION', 'allocation'],
]

function kindOf({ pk, sk }: RowKey): ItemKind {
  const found = PLACES.find(([ofPk, ofSk]) => pk.startsWith(ofPk) && sk.startsWith(ofSk))
  if (found === undefined) throw new Error(`no kind of item stands at ${pk} ${sk}`)
  return found[2]
}
