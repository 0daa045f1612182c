// RecordIO under every way to split a stream, and what it does with streams that are none.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeRecord, RecordDecoder, RecordError } from '../../protocol/recordio.ts'

const bodies = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 })
const cuts = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 20 })

function split(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  return chunks
}

test('C11 a record is its byte length, a newline and its bytes', () => {
  expect(encodeRecord(Buffer.from('grüße')).toString()).toBe('7\ngrüße')
  expect(encodeRecord(Buffer.alloc(0)).toString()).toBe('0\n')
})

test('C11 records come back whole, however the stream is split', () => {
  fc.assert(
    fc.property(bodies, cuts, (records, sizes) => {
      const decoder = new RecordDecoder()
      const stream = Buffer.concat(records.map(encodeRecord))
      const decoded = split(stream, sizes).flatMap((chunk) => decoder.push(chunk))
      expect(decoded.map((record) => [...record])).toEqual(records.map((record) => [...record]))
      decoder.end()
    }),
  )
})

test('A12: records before a bad header are returned however the stream is split, then it throws', () => {
  fc.assert(
    fc.property(
      bodies,
      cuts,
      fc.constantFrom('x', '1x\n', '\n', '-1\n', '999999999\n', '0'.repeat(21)),
      (records, sizes, bad) => {
        const decoder = new RecordDecoder({ maxRecordBytes: 1000 })
        const stream = Buffer.concat([...records.map(encodeRecord), Buffer.from(bad)])
        const decoded: Buffer[] = []
        expect(() => {
          for (const chunk of split(stream, sizes)) decoded.push(...decoder.push(chunk))
          decoder.end()
        }).toThrow(RecordError)
        expect(decoded).toHaveLength(records.length)
        expect(() => decoder.push(Buffer.from('1\na'))).toThrow(RecordError)
      },
    ),
  )
})

test('A12: the reasons of refusal', () => {
  expect(() => new RecordDecoder().push(Buffer.from('{"type"'))).toThrow(
    'A record begins with its length in decimal digits',
  )
  expect(() => new RecordDecoder({ maxRecordBytes: 10 }).push(Buffer.from('11\n'))).toThrow(
    'A record has 11 bytes, more than the 10 allowed',
  )
  expect(() => new RecordDecoder().push(Buffer.from('1'.repeat(21)))).toThrow('has too many digits')
})

test.each(['5', '5\n', '5\nab'])('a stream cut at %j ends inside a record', (text) => {
  const decoder = new RecordDecoder()
  expect(decoder.push(Buffer.from(text))).toEqual([])
  expect(() => decoder.end()).toThrow('The stream ends inside a record')
})

test('records are copies: the chunk they came in may be used again', () => {
  const chunk = Buffer.from('2\nab')
  const [record] = new RecordDecoder().push(chunk)
  chunk.fill(0)
  expect(record?.toString()).toBe('ab')
})
