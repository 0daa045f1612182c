// The scheduler written for Mesos as a process of its own: its timers outlive its teardown, and are to end with it.
import { runForeignScheduler } from '../live/mesos-framework.ts'

let failed = 0
const [master = ''] = process.argv.slice(2)
await runForeignScheduler(master, (holds, sentence) => {
  console.log(`${holds ? 'ok' : 'FAILED'} ${sentence}`)
  if (!holds) failed++
}).catch((error: Error) => {
  console.log(`FAILED ${error.message}`)
  failed++
})
process.exit(failed)
