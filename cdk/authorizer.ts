// Who may call: HTTP Basic, checked by a function whose answer the gateway keeps for five minutes per header.
import { Duration } from 'aws-cdk-lib'
import { IdentitySource, RequestAuthorizer } from 'aws-cdk-lib/aws-apigateway'
import type { IFunction } from 'aws-cdk-lib/aws-lambda'
import type { Construct } from 'constructs'

export function requestAuthorizer(scope: Construct, handler: IFunction): RequestAuthorizer {
  return new RequestAuthorizer(scope, 'Authorizer', {
    handler,
    identitySources: [IdentitySource.header('Authorization')],
    resultsCacheTtl: Duration.seconds(300),
  })
}
