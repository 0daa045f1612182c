// The keeper as a process that can be killed: words go out as JSON lines, wishes come in as JSON lines.
import { createInterface } from 'node:readline'
import { Keeper } from './keeper.ts'
import { keptTask, type TaskKinds } from './kept-task.ts'

/** The one argument, as JSON. */
export interface KeeperOrder {
  readonly master: string
  readonly name: string
  readonly stateFile: string
  readonly tasks: number
  readonly kinds: TaskKinds
}

export type KeeperWish =
  | { readonly want: number; readonly only?: string | undefined }
  | { readonly tell: 'view' }
  | { readonly tell: 'teardown' }

// Whoever started it wrote the argument.
const order = JSON.parse(process.argv[2] ?? '{}') as KeeperOrder
const keeper = new Keeper({ ...order, task: keptTask(order.kinds), say: print })
const wishes = createInterface({ input: process.stdin })
wishes.on('line', (line) => void obey(JSON.parse(line) as KeeperWish))
// Nobody is left to steer it.
wishes.on('close', () => process.exit(0))
process.on('SIGINT', () => {})
keeper.start()

async function obey(wish: KeeperWish): Promise<void> {
  if ('want' in wish) return keeper.want(wish.want, wish.only)
  if (wish.tell === 'view') return print({ word: 'view', ...keeper.view() })
  await keeper.teardown().then(
    () => print({ word: 'removed' }),
    (error: unknown) => print({ word: 'refused', why: String(error) }),
  )
}

function print(word: object): void {
  process.stdout.write(`${JSON.stringify(word)}\n`)
}
