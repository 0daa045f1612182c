// What the package `meseta/protocol` gives to programs: the messages of Mesos v1, in both of their codings, and records.
export { decodeMessage, encodeMessage } from './codec.ts'
export type { MediaType } from './media-types.ts'
export type * from './messages.ts'
export { encodeRecord, RecordDecoder } from './recordio.ts'
export { MESETA_VERSION, MESOS_VERSION } from './version.ts'
