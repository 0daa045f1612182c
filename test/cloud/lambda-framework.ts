// The example framework deployed beside the cluster: one Lambda calls another, and ten tasks run on agents.
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { clientOf } from './detect.ts'
import type { Part } from './run.ts'
import { TASKS, tenRun } from './ten.ts'

const SECRET = 'authorization-of-the-framework'

export const lambdaFramework: Part = async (cloud, connector, told) => {
  const secrets = new SecretsManagerClient({ ...clientOf(cloud.place), endpoint: cloud.endpoint })
  await secrets.send(new CreateSecretCommand({ Name: SECRET, SecretString: cloud.authorization }))
  const context = {
    url: cloud.url,
    delivery: 'sqs',
    tasks: TASKS,
    command: 'sleep 1000',
    notifierRole: 'arn:aws:iam::000000000000:role/notifier',
    authorizationSecret: SECRET,
  }
  const app = [
    ...['-a', 'node bin/run.js examples/lambda-framework/deploy.ts'],
    ...Object.entries(context).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]
  await cloud.cdk('deploy', ...app, '--require-approval', 'never')
  told.check(true, 'the framework is deployed')
  try {
    await tenRun(connector, 'LambdaFramework', told)
  } finally {
    await cloud.cdk('destroy', ...app, '--force')
    await connector.meseta('framework', 'teardown', 'LambdaFramework')
    secrets.destroy()
  }
}
