// `npm run credentials -- add NAME`: who may call a deployed cluster, written into its secret; only hashes are kept.
import {
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager'
import { Command } from 'commander'
import { placeOf } from './aws.ts'
import { readOutputs } from './outputs.ts'
import { newSecret, principalsOf, withoutPrincipal, withPrincipal } from './principals.ts'
import { main } from './run.ts'

interface Options {
  readonly stack: string
  readonly secretId?: string | undefined
}

const program = new Command('npm run credentials --')
  .description('Who may call a deployed cluster. Changes count within five minutes.')
  .option('--stack <name>', 'the cluster, as meseta-outputs.json knows it', 'Meseta')
  .option('--secret-id <arn>', 'the secret itself, where that file is not')
program
  .command('add')
  .argument('<name>', 'the principal; one of that name is replaced')
  .description('with the secret that comes from stdin, or a new one that is printed once')
  .action((name: string) => main(() => add(name)))
program
  .command('remove')
  .argument('<name>')
  .action((name: string) => main(() => change((text) => withoutPrincipal(text, name))))
program.command('list').action(() => main(list))
await program.parseAsync()

async function add(name: string): Promise<void> {
  const given = process.stdin.isTTY === true ? '' : await textOfStdin()
  const secret = given === '' ? newSecret() : given
  await change((text) => withPrincipal(text, name, secret))
  console.error(`${name} may call the cluster within five minutes.`)
  if (given !== '') return
  console.error('Its secret, which is shown this once:')
  console.log(secret)
}

async function list(): Promise<void> {
  const { client, SecretId } = secret()
  const { SecretString = '' } = await client.send(new GetSecretValueCommand({ SecretId }))
  for (const { principal } of principalsOf(SecretString)) console.log(principal)
}

async function change(edit: (text: string) => string | Promise<string>): Promise<void> {
  const { client, SecretId } = secret()
  const { SecretString = '' } = await client.send(new GetSecretValueCommand({ SecretId }))
  await client.send(new PutSecretValueCommand({ SecretId, SecretString: await edit(SecretString) }))
}

/** Reached with the caller's own credentials, where the cluster was deployed. */
function secret() {
  const { stack, secretId } = program.opts<Options>()
  const outputs = secretId === undefined ? readOutputs(stack) : undefined
  const { region, endpoint, credentials } = placeOf(outputs?.Endpoint)
  const client = new SecretsManagerClient({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  })
  return { client, SecretId: secretId ?? outputs?.SecretArn }
}

async function textOfStdin(): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8').trim()
}
