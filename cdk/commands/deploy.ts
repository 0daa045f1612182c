// `npm run deploy`: the cluster into the account of the caller's credentials; what changes is shown first.
import { Command } from 'commander'
import { AwsError, callJson, type Place, placeOf, variablesOf } from './aws.ts'
import { clusterOf, passedOn } from './options.ts'
import { completeOutputs, OUTPUTS_FILE } from './outputs.ts'
import { bundle, CommandFailed, cdk, main } from './run.ts'

/** Of the CDK: the newest that any of its stacks asks for. */
const BOOTSTRAP = { parameter: '/cdk-bootstrap/hnb659fds/version', least: 6 }

const program = new Command('npm run deploy --')
  .description(
    'Deploys the cluster into the account and region of your credentials. Shows what changes; asks before rights grow.',
  )
  .option('--no-bundle', 'take dist/ as it is')
  .addHelpText('after', passedOn('npm run deploy -- -c agents=2 -c profile=mesos'))
  .allowUnknownOption()
  .argument('[options of cdk deploy...]')
  .parse()

await main(async () => {
  const given = program.args
  const place = placeOf()
  if (place.endpoint !== undefined) {
    throw new CommandFailed(
      'AWS_ENDPOINT_URL names an emulator: that is `npm run deploy:local`; unset it for an account',
    )
  }
  await checkBootstrap(place)
  const env = variablesOf(place)
  const { stack } = clusterOf(given)
  if (program.opts<{ bundle: boolean }>().bundle) await bundle(env)
  const context = given.flatMap((arg, index) => (isContext(arg, given[index - 1]) ? [arg] : []))
  await cdk(['diff', stack, ...context], env)
  await cdk(['deploy', stack, '--outputs-file', OUTPUTS_FILE, ...given], env)
  const { Url } = completeOutputs(stack, undefined)
  console.log(`\nThe cluster is at ${Url}; all outputs are in ${OUTPUTS_FILE}.`)
  console.log('Let somebody in: npm run credentials -- add NAME')
})

/** `cdk diff` knows fewer options than `cdk deploy`: it is given the context only. */
function isContext(arg: string, before: string | undefined): boolean {
  const names = ['-c', '--context']
  return names.includes(arg) || names.includes(before ?? '') || arg.startsWith('--context=')
}

/** Without it the deployment would end in the middle, with words about a parameter. */
async function checkBootstrap(place: Place): Promise<void> {
  const input = { Name: BOOTSTRAP.parameter }
  try {
    const { Parameter } = await callJson(place, 'ssm', 'AmazonSSM.GetParameter', input)
    const version = Number((Parameter as { readonly Value?: string } | undefined)?.Value)
    if (version >= BOOTSTRAP.least) return
    throw new CommandFailed(
      `the CDK's own stack of this region is too old (${version}): run npx cdk bootstrap again`,
    )
  } catch (error) {
    if (!(error instanceof AwsError && error.code === 'ParameterNotFound')) throw error
    throw new CommandFailed(
      `the CDK was never used in ${place.region} of this account: run npx cdk bootstrap once, then this again`,
    )
  }
}
