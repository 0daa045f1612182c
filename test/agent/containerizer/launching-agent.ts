// An agent to be killed: launches what its arguments say, prints what it got, and waits for its end.
import { ProcessContainerizer } from '../../../agent/containerizer/process.ts'
import { chooseShim } from '../../../agent/containerizer/shim.ts'
import { systemClock } from '../../../protocol/clock.ts'

/** With a delay (ms) it kills itself so long after it began to launch. */
const [containersDirectory = '', buildDirectory = '', kind = '', delayMs = '', ...specs] =
  process.argv.slice(2)
const shims = chooseShim({ buildDirectory, only: kind === 'sh' ? 'sh' : undefined })
await shims.ready
const containerizer = new ProcessContainerizer({ containersDirectory, shims, clock: systemClock })
const launches = specs.map((text) => containerizer.launch(JSON.parse(text)))
if (delayMs !== '') setTimeout(() => process.kill(process.pid, 'SIGKILL'), Number(delayMs))
console.log(JSON.stringify(await Promise.all(launches)))
setInterval(() => {}, 1_000)
