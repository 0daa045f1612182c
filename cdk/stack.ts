// The stack: one cluster.
import { Stack, type StackProps } from 'aws-cdk-lib'
import type { Construct } from 'constructs'
import { Meseta } from './meseta.ts'
import type { MesetaProps } from './props.ts'

/** A boundary is the cluster's, a managed policy: the library's own has the same name and another form. */
export type MesetaStackProps = MesetaProps & Omit<StackProps, 'permissionsBoundary'>

export class MesetaStack extends Stack {
  readonly cluster: Meseta

  constructor(scope: Construct, id: string, props: MesetaStackProps = {}) {
    const { permissionsBoundary: _, ...ofStack } = props
    super(scope, id, ofStack)
    this.cluster = new Meseta(this, 'Cluster', props)
  }
}
