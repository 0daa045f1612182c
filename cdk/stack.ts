// The stack: one cluster.
import { Stack, type StackProps } from 'aws-cdk-lib'
import type { Construct } from 'constructs'
import { Meseta } from './meseta.ts'
import type { MesetaProps } from './props.ts'

export class MesetaStack extends Stack {
  readonly cluster: Meseta

  constructor(scope: Construct, id: string, props: MesetaProps & StackProps = {}) {
    super(scope, id, props)
    this.cluster = new Meseta(this, 'Cluster', props)
  }
}
