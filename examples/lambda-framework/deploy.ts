// The AWS resources of the example, as a CDK app: the function, its URL or its queue, a schedule that subscribes.
//
//   npx cdk deploy -a 'node bin/run.js examples/lambda-framework/deploy.ts' -c url=https://…/prod
//
// Context: url (of the cluster), tasks, command, delivery (webhook or sqs), notifierRole (for sqs: the ARN of the role
// of the cluster's notifier), authorizationSecret (the name of a secret that holds the Authorization header).
import { join } from 'node:path'
import { App, Duration, SecretValue, Stack } from 'aws-cdk-lib'
import { Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events'
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets'
import { ArnPrincipal } from 'aws-cdk-lib/aws-iam'
import { Architecture, FunctionUrlAuthType, Runtime } from 'aws-cdk-lib/aws-lambda'
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources'
import { NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs'
import { Secret } from 'aws-cdk-lib/aws-secretsmanager'
import { Queue } from 'aws-cdk-lib/aws-sqs'

const app = new App()
const stack = new Stack(app, 'LambdaFramework')
const given = (name: string, otherwise = ''): string => String(app.node.tryGetContext(name) ?? otherwise)
const delivery = given('delivery', 'webhook')

const authorization = given('authorizationSecret')
const framework = new NodejsFunction(stack, 'Framework', {
  entry: join(import.meta.dirname, 'handler.ts'),
  depsLockFilePath: join(import.meta.dirname, '../../package-lock.json'),
  runtime: Runtime.NODEJS_24_X,
  architecture: Architecture.ARM_64,
  // Deliveries are given up after five seconds, and then come again.
  timeout: Duration.seconds(10),
  bundling: { format: OutputFormat.ESM },
  environment: {
    MESETA_URL: given('url'),
    FRAMEWORK_ID: stack.stackName,
    TASKS: given('tasks', '3'),
    COMMAND: given('command', 'sleep 3600'),
    DELIVERY: delivery,
    ...(delivery === 'sqs' ? {} : { WEBHOOK_SECRET: webhookSecret() }),
    ...(authorization === ''
      ? {}
      : { AUTHORIZATION: SecretValue.secretsManager(authorization).unsafeUnwrap() }),
  },
})

const deliveryUrl =
  delivery === 'sqs' ? queueUrl() : framework.addFunctionUrl({ authType: FunctionUrlAuthType.NONE }).url
new Rule(stack, 'StaySubscribed', {
  schedule: Schedule.rate(Duration.minutes(1)),
  targets: [new LambdaFunction(framework, { event: RuleTargetInput.fromObject({ deliveryUrl }) })],
})

/** Only the cluster's notifier may write into it. What keeps failing is put aside, so that it holds up nobody. */
function queueUrl(): string {
  const queue = new Queue(stack, 'Events', {
    fifo: true,
    enforceSSL: true,
    visibilityTimeout: Duration.seconds(60),
    deadLetterQueue: {
      queue: new Queue(stack, 'NotHandled', { fifo: true, enforceSSL: true }),
      maxReceiveCount: 10,
    },
  })
  queue.grantSendMessages(new ArnPrincipal(given('notifierRole')))
  framework.addEventSource(new SqsEventSource(queue, { batchSize: 10, reportBatchItemFailures: true }))
  return queue.queueUrl
}

/** Made by AWS, known to the function and, from its SUBSCRIBE, to the cluster. */
function webhookSecret(): string {
  const generateSecretString = { passwordLength: 48, excludePunctuation: true }
  return new Secret(stack, 'WebhookSecret', { generateSecretString }).secretValue.unsafeUnwrap()
}
