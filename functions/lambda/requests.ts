// The event of a REST API (proxy integration, version 1.0) becomes a request as every handler sees it.
import { Buffer } from 'node:buffer'
import type { APIGatewayProxyEvent } from 'aws-lambda'
import { MAX_BODY_BYTES } from '../../master/limits.ts'
import { decodedBody, type ReadBody, tooLarge } from '../http/request-body.ts'
import type { HttpAnswer, HttpRequest } from '../http/types.ts'

/** What of the event is read; emulators leave the rest out, and some of this. */
export type RestEvent = Pick<APIGatewayProxyEvent, 'httpMethod' | 'path'> & {
  readonly [K in Optional]?: APIGatewayProxyEvent[K] | undefined
} & { readonly requestContext?: Partial<RestContext> | undefined }

type Optional =
  | 'resource'
  | 'pathParameters'
  | 'headers'
  | 'multiValueHeaders'
  | 'queryStringParameters'
  | 'multiValueQueryStringParameters'
  | 'body'
  | 'isBase64Encoded'

type RestContext = Pick<APIGatewayProxyEvent['requestContext'], 'stage'> & {
  readonly authorizer: Readonly<Record<string, unknown>> | null | undefined
  readonly identity: {
    readonly sourceIp?: string | null | undefined
    /** Of a signed call: the ARN of the session, whose last part is the instance. */
    readonly userArn?: string | null | undefined
    /** The same as `ROLEID:session`. */
    readonly user?: string | null | undefined
  }
}

/** The request; `refused` when its body is too large or cannot be inflated. */
export async function requestOf(
  event: RestEvent,
): Promise<{ readonly request: HttpRequest } | { readonly refused: HttpAnswer }> {
  const headers = headersOf(event)
  const read = await bodyOf(event, headers)
  if ('refused' in read) return read
  const { authorizer, identity } = event.requestContext ?? {}
  const principal = authorizer?.principal
  return {
    request: {
      method: event.httpMethod,
      path: pathOf(event),
      query: queryOf(event),
      headers,
      body: read.body,
      params: {},
      remote: identity?.sourceIp ?? undefined,
      principal: typeof principal === 'string' ? principal : undefined,
      caller: identity?.userArn ?? identity?.user ?? undefined,
    },
  }
}

function headersOf({ headers, multiValueHeaders }: RestEvent): Record<string, string | undefined> {
  const lower: Record<string, string | undefined> = {}
  for (const [name, value] of Object.entries(headers ?? {})) lower[name.toLowerCase()] = value
  for (const [name, values] of Object.entries(multiValueHeaders ?? {})) {
    if (values !== undefined && values !== null) lower[name.toLowerCase()] = values.join(', ')
  }
  return lower
}

async function bodyOf(
  { body, isBase64Encoded }: RestEvent,
  headers: Readonly<Record<string, string | undefined>>,
): Promise<ReadBody> {
  const bytes = Buffer.from(body ?? '', isBase64Encoded === true ? 'base64' : 'utf8')
  if (bytes.length > MAX_BODY_BYTES) return tooLarge()
  return await decodedBody(bytes, headers['content-encoding'])
}

function queryOf({ queryStringParameters, multiValueQueryStringParameters }: RestEvent): URLSearchParams {
  const query = new URLSearchParams()
  const repeated = Object.entries(multiValueQueryStringParameters ?? {})
  for (const [name, values] of repeated) for (const value of values ?? []) query.append(name, value)
  if (repeated.length > 0) return query
  for (const [name, value] of Object.entries(queryStringParameters ?? {})) query.append(name, value ?? '')
  return query
}

/**
 * Without the stage, and without the base path of a custom domain: frameworks call `/api/v1/scheduler`, wherever the
 * API hangs. The resource says what is ours of the path; its parts in braces are filled in from the parameters.
 */
function pathOf(event: RestEvent): string {
  const own = event.resource?.replace(
    /\{([^}+]+)\+?\}/g,
    (_, name: string) => event.pathParameters?.[name] ?? '',
  )
  if (own?.startsWith('/') && (event.path === own || event.path.endsWith(own))) return decoded(own)
  const stage = event.requestContext?.stage
  const staged = stage !== undefined && stage !== '' && `${event.path}/`.startsWith(`/${stage}/`)
  return decoded((staged ? event.path.slice(stage.length + 1) : event.path) || '/')
}

/** What cannot be decoded stays and is found nowhere. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
