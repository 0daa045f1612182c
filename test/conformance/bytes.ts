// Bytes of the wire as conformance tests need them: protobuf built by hand, records and requests taken apart.
import { encodeMessage } from '../../protocol/codec.ts'
import type { MediaType } from '../../protocol/media-types.ts'
import type { SchedulerCall } from '../../protocol/messages.ts'
import { RecordDecoder } from '../../protocol/recordio.ts'
import type { TestCluster } from '../cluster.ts'
import { type Answer, send, type TestFramework } from '../framework.ts'
import { type RawConnection, rawConnection } from '../functions/http/raw.ts'

/** A length-delimited field of a protobuf message. */
export function field(number: number, value: Uint8Array | string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes])
}

/** A number field of a protobuf message: an enum, a bool, a varint. */
export function numberField(number: number, value: number): Buffer {
  return Buffer.concat([varint(number * 8), varint(value)])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let left = value
  while (left > 127) {
    bytes.push((left % 128) + 128)
    left = Math.floor(left / 128)
  }
  return Buffer.from([...bytes, left])
}

/** Bodies of all records that came so far. */
export function records({ chunks }: Pick<TestFramework, 'chunks'>): readonly Buffer[] {
  return new RecordDecoder().push(Buffer.concat(chunks))
}

/** A call as bytes. */
export function encoded(call: SchedulerCall, encoding: MediaType): Buffer {
  return encodeMessage('mesos.v1.scheduler.Call', encoding, call)
}

/** Sends any body to the scheduler API. */
export function post(
  cluster: Pick<TestCluster, 'url'>,
  body: Uint8Array | string,
  headers: Readonly<Record<string, string>> = { 'content-type': 'application/json' },
  path = '/api/v1/scheduler',
): Promise<Answer> {
  return send(`${cluster.url}${path}`, { headers, body })
}

/** SUBSCRIBE over a bare socket: what comes back can be read byte for byte, framing of HTTP included. */
export async function subscribeRaw(
  cluster: Pick<TestCluster, 'url'>,
  body: Uint8Array,
  headers: readonly string[],
): Promise<RawConnection> {
  const { hostname, port } = new URL(cluster.url)
  const connection = await rawConnection(Number(port))
  const head = [
    'POST /api/v1/scheduler HTTP/1.1',
    `host: ${hostname}:${port}`,
    `content-length: ${body.length}`,
    ...headers,
  ]
  connection.send(`${head.join('\r\n')}\r\n\r\n`)
  connection.send(body)
  return connection
}
