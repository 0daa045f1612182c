// `npm run tour`: the chapter on fault tolerance, told in a terminal by a real cluster with real kills.
import { styleText } from 'node:util'
import type { LiveCluster } from '../test/live/cluster.ts'
import { sentence } from '../test/live/session.ts'
import { CHAPTER } from './chapter.ts'
import { type Act, openStage } from './stage.ts'
import { MACHINES, TASKS, World } from './world.ts'

if (process.argv.slice(2).some((argument) => argument === '--help' || argument === '-h')) {
  console.log(
    'npm run tour: each fault of the chapter on a real cluster, measured; about a minute, ends with 0 if all held',
  )
  process.exit(0)
}

const began = performance.now()
const stage = openStage()
let cluster: Promise<LiveCluster> | undefined
let world: World | undefined
let ending = false
// Whoever read our output may go away before us: everything must still be taken back.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => void end(130, 'stopped before the end'))
process.on('uncaughtException', (error) => void end(1, sentence(error)))

stage.say('')
stage.say(
  `${styleText('bold', styleText('cyan', 'Meseta'))}  machines, processes and people fail: nothing is lost`,
)
stage.say('')
const held = await tell()
const passed = `${Math.round((performance.now() - began) / 1_000)} s`
await end(held === CHAPTER.length ? 0 : 1, `${held} of ${CHAPTER.length} held, in ${passed}`)

/** Gives how many scenes held; the ones behind a scene that did not are not played. */
async function tell(): Promise<number> {
  const starting = stage.work('a cluster of its own')
  starting.now('control plane, machines and tasks')
  const opened = await attempt(starting, async () => {
    world = await World.start((promise) => {
      cluster = promise
    })
    return `${MACHINES} machines, a scheduler that keeps ${TASKS} tasks running; agents beat each 3 s, the timeout is 9 s`
  })
  if (!opened || world === undefined) return 0
  for (const [index, scene] of CHAPTER.entries()) {
    const act = stage.scene(index + 1, scene)
    const on = world
    if (!(await attempt(act, () => scene.play(on, act.now)))) return index
  }
  return CHAPTER.length
}

async function attempt(act: Act, play: () => Promise<string>): Promise<boolean> {
  try {
    const seen = await play()
    if (ending) return await new Promise(() => {})
    act.done(seen)
    return true
  } catch (error) {
    if (ending) return await new Promise(() => {})
    act.failed(sentence(error))
    return false
  }
}

/** Kills what was started, removes its folder, ends. */
async function end(status: number, words: string): Promise<void> {
  if (ending) return
  ending = true
  stage.close()
  await world?.scheduler.kill()
  await cluster?.then(
    (one) => one.vanish(),
    () => {},
  )
  stage.say('')
  stage.say(`  ${styleText(status === 0 ? 'green' : 'red', words)}; nothing of it is left`)
  process.exit(status)
}
