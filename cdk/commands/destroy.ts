// `npm run destroy`: takes the cluster's stack out of the account; says what stays, and how that goes too.
import { Command } from 'commander'
import { placeOf, variablesOf } from './aws.ts'
import { leftovers, removeAgentQueues } from './leftovers.ts'
import { clusterOf, passedOn } from './options.ts'
import { forgetOutputs } from './outputs.ts'
import { CommandFailed, cdk, main } from './run.ts'

const program = new Command('npm run destroy --')
  .description(
    'Destroys the stack in the account of your credentials, after asking. Table, secret and logs stay, unless it was ' +
      'deployed with -c keep=false. Termination protection is to be switched off first.',
  )
  .addHelpText('after', passedOn('npm run destroy -- -c stackName=Second -c prefix=second'))
  .allowUnknownOption()
  .argument('[options of cdk destroy...]')
  .parse()

await main(async () => {
  const given = program.args
  const place = placeOf()
  if (place.endpoint !== undefined) {
    throw new CommandFailed(
      'AWS_ENDPOINT_URL names an emulator: that is `npm run destroy:local`; unset it for an account',
    )
  }
  const cluster = clusterOf(given)
  await cdk(['destroy', cluster.stack, ...given], variablesOf(place))
  // Whoever was asked by the CDK may have said no.
  const before = await leftovers(place, cluster)
  if (before.includes(`stack ${cluster.stack}`)) {
    console.log(`${cluster.stack} stands as before`)
    return
  }
  await removeAgentQueues(place, cluster)
  const left = await leftovers(place, cluster)
  if (left.length === 0) {
    forgetOutputs(cluster.stack)
    console.log(`nothing is left of ${cluster.stack}`)
    return
  }
  console.log(`${cluster.stack} is destroyed. Kept, because it may be wanted again, and still paid for:`)
  for (const line of left) console.log(`  ${line}`)
  console.log('Whoever wants it no more deletes it by hand: the table once its deletion protection is off.')
})
