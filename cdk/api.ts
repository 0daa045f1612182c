// The REST API: where frameworks, operators and agents call.
import { Duration, type RemovalPolicy } from 'aws-cdk-lib'
import {
  AccessLogFormat,
  AuthorizationType,
  EndpointType,
  type IAuthorizer,
  LambdaIntegration,
  LogGroupLogDestination,
  type MethodOptions,
  type Resource,
  ResponseTransferMode,
  ResponseType,
  RestApi,
  SecurityPolicy,
} from 'aws-cdk-lib/aws-apigateway'
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs'
import { CfnWebACLAssociation } from 'aws-cdk-lib/aws-wafv2'
import type { Construct } from 'constructs'
import { acknowledge } from './acknowledge.ts'
import { requestAuthorizer } from './authorizer.ts'
import type { Functions, MesetaFunction } from './functions.ts'
import type { MesetaProps } from './props.ts'

export interface ApiProps extends Pick<MesetaProps, 'domain' | 'webAclArn' | 'emulator'> {
  readonly functions: Functions
  readonly responses: 'stream' | 'buffered'
  readonly throttling: { readonly ratePerSecond: number; readonly burst: number }
  readonly removalPolicy: RemovalPolicy
  readonly logRetention: RetentionDays
}

export function api(scope: Construct, props: ApiProps): RestApi {
  const { functions, emulator = {} } = props
  const made = new RestApi(scope, 'Api', {
    description: 'Meseta: scheduler and operator API of Mesos v1, and the API of its agents',
    endpointTypes: [EndpointType.REGIONAL],
    binaryMediaTypes: ['application/x-protobuf'],
    cloudWatchRole: emulator.noAccessLog !== true,
    deployOptions: {
      stageName: 'prod',
      throttlingRateLimit: props.throttling.ratePerSecond,
      throttlingBurstLimit: props.throttling.burst,
      ...(emulator.noAccessLog === true ? {} : logging(scope, props)),
    },
    ...(props.domain === undefined
      ? {}
      : {
          domainName: {
            domainName: props.domain.name,
            certificate: props.domain.certificate,
            endpointType: EndpointType.REGIONAL,
            securityPolicy: SecurityPolicy.TLS_1_2,
          },
        }),
  })
  refusals(made)
  const authorizer =
    emulator.noAuthorizer === true ? undefined : requestAuthorizer(scope, functions.authorizer.alias)
  routes(made, props, authorizer)
  if (props.webAclArn !== undefined && emulator.noWaf !== true) {
    new CfnWebACLAssociation(scope, 'WebAcl', {
      resourceArn: made.deploymentStage.stageArn,
      webAclArn: props.webAclArn,
    })
  }
  acceptFindings(made, props)
  return made
}

function routes(made: RestApi, props: ApiProps, authorizer: IAuthorizer | undefined): void {
  const { functions } = props
  const open: MethodOptions = {
    ...(authorizer === undefined
      ? { authorizationType: AuthorizationType.NONE }
      : { authorizer, authorizationType: AuthorizationType.CUSTOM }),
  }
  const signed: MethodOptions = {
    authorizationType: props.emulator?.noSignatures === true ? AuthorizationType.NONE : AuthorizationType.IAM,
  }
  const streams = props.responses === 'stream'
  const operator = integration(functions.operator, streams)
  const v1 = made.root.addResource('api').addResource('v1')
  v1.addMethod('POST', operator, open)
  v1.addResource('scheduler').addMethod('POST', integration(functions.scheduler, streams), open)
  v1.addResource('meseta').addMethod('POST', operator, open)
  v1.addResource('agent').addMethod('POST', integration(functions.agents, false), signed)
  // The endpoints of old are many, and both with and without `/master`.
  const rest: Resource = made.root.addResource('{proxy+}')
  for (const method of ['GET', 'POST', 'PUT', 'DELETE']) rest.addMethod(method, operator, open)
}

/** One permission for all paths of the function: those of each would pass the limit of a policy. */
function integration({ alias }: MesetaFunction, streams: boolean): LambdaIntegration {
  return new LambdaIntegration(alias, {
    allowTestInvoke: false,
    ...(streams
      ? { responseTransferMode: ResponseTransferMode.STREAM, timeout: Duration.minutes(15) }
      : { timeout: Duration.seconds(29) }),
  })
}

/** Mesos's clients look for the header before they send credentials again. */
function refusals(made: RestApi): void {
  made.addGatewayResponse('Unauthorized', {
    type: ResponseType.UNAUTHORIZED,
    statusCode: '401',
    responseHeaders: { 'WWW-Authenticate': `'Basic realm="mesos-master"'` },
    templates: {
      'text/plain': 'Credentials are needed: HTTP Basic with a principal of this cluster and its secret',
    },
  })
  made.addGatewayResponse('Throttled', {
    type: ResponseType.THROTTLED,
    statusCode: '429',
    responseHeaders: { 'Retry-After': "'1'" },
  })
}

function logging(scope: Construct, { removalPolicy, logRetention }: ApiProps) {
  const group = new LogGroup(scope, 'AccessLog', { retention: logRetention, removalPolicy })
  return {
    accessLogDestination: new LogGroupLogDestination(group),
    accessLogFormat: AccessLogFormat.jsonWithStandardFields(),
  }
}

function acceptFindings(made: RestApi, { webAclArn, emulator }: ApiProps): void {
  const reasons = {
    APIG2: 'Bodies are JSON and protobuf of Mesos; the functions validate them, with the words of Mesos',
    APIG6: 'Functions log what they answer; execution logs of the gateway would hold bodies and credentials',
    COG4: 'Clients of Mesos speak HTTP Basic, and agents sign with the role of their instance; nobody has a Cognito user',
    ...(webAclArn === undefined || emulator?.noWaf === true
      ? { APIG3: 'A web ACL is a prop: webAclArn; every call needs credentials in any case' }
      : {}),
    ...(emulator?.noAccessLog === true ? { APIG1: 'The emulator has no access log' } : {}),
    ...(emulator?.noAuthorizer === true || emulator?.noSignatures === true
      ? { APIG4: 'The emulator on loopback checks no credentials' }
      : {}),
  }
  for (const [rule, reason] of Object.entries(reasons)) acknowledge(made, rule, reason)
  if (emulator?.noAccessLog === true) return
  const policy = 'arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs'
  acknowledge(made, `IAM4[Policy::${policy}]`, 'What API Gateway asks for, once an account, to write logs')
}
