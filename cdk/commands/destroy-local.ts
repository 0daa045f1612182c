// `npm run destroy:local`: takes the cluster off the emulator, looks whether anything is left, ends a MiniStack of ours.
import { Command } from 'commander'
import { placeOf, variablesOf } from './aws.ts'
import { leftovers, removeAgentQueues, removeLateLogs } from './leftovers.ts'
import { isEmulator, startedHere, stopMiniStack } from './ministack.ts'
import { clusterOf, passedOn } from './options.ts'
import { forgetOutputs } from './outputs.ts'
import { CommandFailed, cdk, main } from './run.ts'

const ENDPOINT = 'http://127.0.0.1:4566'

const program = new Command('npm run destroy:local --')
  .description(
    'Destroys the cluster at AWS_ENDPOINT_URL, and the MiniStack that `npm run deploy:local` started. Fails when ' +
      'anything of the cluster is left.',
  )
  .option('--keep-emulator', 'let MiniStack run on', false)
  .addHelpText('after', passedOn('npm run destroy:local -- -c stackName=Second -c prefix=second'))
  .allowUnknownOption()
  .argument('[options of cdk destroy...]')
  .parse()

await main(async () => {
  const given = program.args
  const endpoint = (process.env.AWS_ENDPOINT_URL || ENDPOINT).replace(/\/+$/, '')
  const place = placeOf(endpoint)
  const cluster = clusterOf(given)
  if (!(await isEmulator(endpoint))) {
    forgetOutputs(cluster.stack)
    console.log(`no emulator answers at ${endpoint}: nothing is there to be destroyed`)
    return
  }
  const context = ['-c', `emulator=${endpoint}`, '-c', 'keep=false', '-c', 'responses=buffered']
  await cdk(['destroy', cluster.stack, '--force', ...context, ...given], variablesOf(place))
  const queues = await removeAgentQueues(place, cluster)
  await removeLateLogs(place, cluster)
  const left = await leftovers(place, cluster)
  forgetOutputs(cluster.stack)
  if (left.length > 0) throw new CommandFailed(`still there:\n  ${left.join('\n  ')}`)
  console.log(`nothing is left of ${cluster.stack}; queues of agents removed: ${queues}`)
  const port = Number(new URL(endpoint).port)
  const pid = startedHere.pid(port)
  if (pid === undefined || program.opts<{ keepEmulator: boolean }>().keepEmulator) return
  await stopMiniStack(pid)
  startedHere.forget(port)
  console.log(`MiniStack (pid ${pid}) has ended`)
})
