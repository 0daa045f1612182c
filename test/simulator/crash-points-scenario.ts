// The scenario of the crash points: everything a small cluster does, at fixed times, with nothing left to chance.
//
//   0:00  agents register, frameworks subscribe, launch (also groups and one ACCEPT of many tasks), acknowledge, decline
//   0:30  and then each half minute: kill, reconcile, suppress, revive
//   0:50  host0 loses its power, is lost at 2:05 or so, and returns at 2:50
//   1:10  framework1 is taken over by another instance of itself
//   1:40  the agent process of host1 is killed; it starts again 5 s later and its tasks go on
//   2:20  framework2 dies unseen and comes back within its failover timeout
//   3:10  framework3 is torn down and begins anew
//   3:40  framework1 dies and its socket closes
//   4:00  nothing happens any more, and what is different afterwards is wrong
import type { World } from './faults.ts'
import type { SimulationOptions } from './simulation.ts'
import { CALM } from './weather.ts'

export const SCENARIO: SimulationOptions = {
  seed: 1,
  hours: 8 / 60,
  quietMs: 4 * 60_000,
  agents: 3,
  profile: 'mesos',
  rates: CALM,
  faults: {},
  bursts: 1,
  script,
}

function script({ time, machines, frameworks, start }: World): void {
  const at = (seconds: number, action: () => void) => time.after(seconds * 1_000, action)
  const [host0, host1] = machines
  const [, framework1, framework2, framework3] = frameworks
  at(50, () => host0?.powerOff())
  at(170, () => host0 !== undefined && void start(host0))
  at(70, () => framework1?.takeOver())
  at(100, () => host1?.killProcess())
  at(105, () => host1 !== undefined && void start(host1))
  at(140, () => framework2?.die(false))
  at(185, () => framework2?.rise())
  at(190, () => void framework3?.teardown())
  at(220, () => framework1?.die(true))
  at(235, () => framework1?.rise())
}
