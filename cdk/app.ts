// The app of `cdk synth` and `cdk deploy`: settings come as context, `-c name=value`; cdk/README.md lists them.
import { App, Validations } from 'aws-cdk-lib'
import { AwsSolutionsChecks } from 'cdk-nag'
import { propsOf } from './context.ts'
import { MesetaStack } from './stack.ts'

try {
  const app = new App()
  const read = (name: string): unknown => app.node.tryGetContext(name)
  new MesetaStack(app, String(read('stackName') ?? 'Meseta'), propsOf(read))
  if (read('nag') !== undefined) Validations.of(app).addPlugins(new AwsSolutionsChecks(app))
  app.synth()
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
