// The app of `cdk synth` and `cdk deploy`: settings come as context, `-c name=value`; cdk/README.md lists them.
import { App } from 'aws-cdk-lib'
import { propsOf } from './context.ts'
import { MesetaStack } from './stack.ts'

try {
  const app = new App()
  const read = (name: string): unknown => app.node.tryGetContext(name)
  new MesetaStack(app, String(read('stackName') ?? 'Meseta'), propsOf(read))
  app.synth()
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
