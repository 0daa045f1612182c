// `npm run deploy:local`: the stack on an emulator of AWS; MiniStack is started when none answers.
import { Command } from 'commander'
import { EMULATED_ACCOUNT, placeOf, variablesOf } from './aws.ts'
import { isEmulator, startedHere, startMiniStack } from './ministack.ts'
import { clusterOf, passedOn } from './options.ts'
import { completeOutputs, OUTPUTS_FILE, type Outputs } from './outputs.ts'
import { bundle, CommandFailed, cdk, main } from './run.ts'

/** LocalStack's own, where no other is named. */
const ENDPOINT = 'http://127.0.0.1:4566'
const BUILT_FOR_EMULATORS = ['-c', 'keep=false', '-c', 'responses=buffered']

const program = new Command('npm run deploy:local --')
  .description(
    'Deploys the cluster onto the LocalStack-compatible endpoint of AWS_ENDPOINT_URL; without one, onto MiniStack at ' +
      `${ENDPOINT}, which is started if nothing answers there.`,
  )
  .option('--no-bundle', 'take dist/ as it is')
  .addHelpText('after', passedOn('npm run deploy:local -- -c profile=fast'))
  .allowUnknownOption()
  .argument('[options of cdk deploy...]')
  .parse()

await main(async () => {
  const given = program.args
  const endpoint = (process.env.AWS_ENDPOINT_URL || ENDPOINT).replace(/\/+$/, '')
  const place = placeOf(endpoint)
  const env = variablesOf(place)
  const { stack } = clusterOf(given)
  await untilThere(endpoint)
  if (program.opts<{ bundle: boolean }>().bundle) await bundle(env)
  // Anew each time: an emulator forgets.
  await cdk(['bootstrap', `aws://${EMULATED_ACCOUNT}/${place.region}`], env)
  const context = ['-c', `emulator=${endpoint}`, ...BUILT_FOR_EMULATORS]
  await cdk(
    ['deploy', stack, '--outputs-file', OUTPUTS_FILE, '--require-approval', 'never', ...context, ...given],
    env,
  )
  say(stack, completeOutputs(stack, endpoint))
})

async function untilThere(endpoint: string): Promise<void> {
  if (await isEmulator(endpoint)) return
  const { hostname, port, protocol } = new URL(endpoint)
  if (protocol !== 'http:' || !['127.0.0.1', 'localhost'].includes(hostname)) {
    throw new CommandFailed(
      `nothing like LocalStack answers at ${endpoint} (AWS_ENDPOINT_URL); start it, or leave the variable out`,
    )
  }
  const logFile = startedHere.logFile(Number(port))
  const pid = await startMiniStack({ port: Number(port), logFile })
  startedHere.remember(Number(port), pid)
  console.log(`MiniStack runs at ${endpoint} (pid ${pid}, log ${logFile})`)
}

function say(stack: string, { Url }: Outputs): void {
  const named = stack === 'Meseta' ? '' : ` --stack ${stack}`
  console.log(`
The cluster is at ${Url}
All outputs are in ${OUTPUTS_FILE}. What to do next:

  npm run credentials --${named} add me           # prints a secret: set MESETA_PRINCIPAL=me, MESETA_SECRET to it
  npx meseta --stack ${stack} agent start --work-dir /tmp/meseta-agent
  npx meseta --stack ${stack} run -- echo hello
  npx meseta --stack ${stack} connect                 # for frameworks: their master at 127.0.0.1:5050
  npm run destroy:local                           # leaves nothing`)
}
