// Events as API Gateway and SQS hand them to a function, as recorded from AWS's documents, with ids of no account.
import type { SQSRecord } from 'aws-lambda'
import type { RestEvent } from '../../../functions/lambda/requests.ts'

/** A REST API with proxy integration, called through its stage by a framework with HTTP Basic. */
export function restEvent(given: Partial<RestEvent> = {}): RestEvent {
  return {
    resource: '/api/v1/scheduler',
    path: '/api/v1/scheduler',
    httpMethod: 'POST',
    headers: {
      Accept: 'application/json',
      'Content-Type': 'application/json',
      Host: 'abcdef1234.execute-api.eu-central-1.amazonaws.com',
      'Mesos-Stream-Id': '130ae4e3-6b13-4ef4-baa9-9f2e85c3e9af',
      'X-Forwarded-For': '203.0.113.7',
    },
    multiValueHeaders: {
      Accept: ['application/json'],
      'Content-Type': ['application/json'],
      Host: ['abcdef1234.execute-api.eu-central-1.amazonaws.com'],
      'Mesos-Stream-Id': ['130ae4e3-6b13-4ef4-baa9-9f2e85c3e9af'],
      'X-Forwarded-For': ['203.0.113.7'],
    },
    queryStringParameters: null,
    multiValueQueryStringParameters: null,
    pathParameters: null,
    requestContext: {
      stage: 'prod',
      authorizer: { principal: 'marathon', principalId: 'marathon', integrationLatency: 12 },
      identity: { sourceIp: '203.0.113.7', userArn: null, user: null },
    },
    body: '{"type":"SUPPRESS"}',
    isBase64Encoded: false,
    ...given,
  }
}

/** A call of an agent, signed with the role of its instance. */
export const SIGNED_BY_INSTANCE = {
  stage: 'prod',
  authorizer: null,
  identity: {
    sourceIp: '198.51.100.9',
    user: 'AROAEXAMPLEEXAMPLE123:i-0123456789abcdef0',
    userArn: 'arn:aws:sts::123456789012:assumed-role/meseta-agent/i-0123456789abcdef0',
  },
} as const

/** A message as an event source mapping hands it over. */
export function sqsRecord(
  messageId: string,
  body: string,
  attributes: Partial<SQSRecord['attributes']> = {},
): SQSRecord {
  return {
    messageId,
    receiptHandle: `receipt-${messageId}`,
    body,
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: '1760000000000',
      SenderId: 'AROAEXAMPLEEXAMPLE123:i-0123456789abcdef0',
      ApproximateFirstReceiveTimestamp: '1760000000100',
      ...attributes,
    },
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:eu-central-1:123456789012:meseta-heartbeats.fifo',
    awsRegion: 'eu-central-1',
  }
}
