// An agent to be killed: launches what its arguments say, prints what it got, and waits for its end.
import { ProcessContainerizer } from '../../../agent/containerizer/process.ts'
import { chooseShim } from '../../../agent/containerizer/shim.ts'
import { systemClock } from '../../../protocol/clock.ts'

const [containersDirectory = '', buildDirectory = '', kind = '', ...specs] = process.argv.slice(2)
const shims = chooseShim({ buildDirectory, only: kind === 'sh' ? 'sh' : undefined })
await shims.ready
const containerizer = new ProcessContainerizer({ containersDirectory, shims, clock: systemClock })
const handles = await Promise.all(specs.map((text) => containerizer.launch(JSON.parse(text))))
console.log(JSON.stringify(handles))
setInterval(() => {}, 1_000)
