// Items written only if they are still what was loaded.
import type { Change } from '../decision.ts'
import type { Ledger, Run, Task } from '../model.ts'

export function putLedger(item: Ledger): Change {
  return { do: 'put', kind: 'ledger', item, when: { name: 'unchanged' } }
}

export function putRun(item: Run): Change {
  return { do: 'put', kind: 'run', item, when: { name: 'unchanged' } }
}

export function putTask(item: Task): Change {
  return { do: 'put', kind: 'task', item, when: { name: 'unchanged' } }
}
