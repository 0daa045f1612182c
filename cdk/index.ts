// What the package `meseta/cdk` gives to apps of the CDK: a cluster as a construct, and as a stack of its own.
export { Meseta } from './meseta.ts'
export type { AgentGroupProps, EmulatorGaps, FunctionName, MesetaProps } from './props.ts'
export { MesetaStack, type MesetaStackProps } from './stack.ts'
