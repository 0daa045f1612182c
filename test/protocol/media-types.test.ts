// Which encoding a request is in and which one the answer gets.

import { expect, test } from 'vitest'
import { accepts, isRecordio, negotiate, parseContentType } from '../../protocol/media-types.ts'

test.each([
  ['application/json', 'application/json'],
  ['application/x-protobuf', 'application/x-protobuf'],
  ['application/json; charset=utf-8', 'application/json'],
  ['application/json;charset=utf-8', 'application/json'],
  ['Application/JSON', undefined],
  ['text/plain', undefined],
  ['application/jsonp', undefined],
  ['application/recordio', undefined],
  ['', undefined],
])('Content-Type %j means %s', (header, type) => {
  expect(parseContentType(header)).toBe(type)
})

test.each([
  [undefined, 'application/json'],
  ['', 'application/json'],
  ['*/*', 'application/json'],
  ['application/*', 'application/json'],
  ['application/json', 'application/json'],
  ['APPLICATION/JSON', 'application/json'],
  ['application/x-protobuf', 'application/x-protobuf'],
  ['application/x-protobuf, application/json;q=0.1', 'application/json'],
  ['application/x-protobuf, application/json; q=0', 'application/x-protobuf'],
  ['application/json;q=0.0, */*', 'application/x-protobuf'],
  ['*/*;q=0', undefined],
  ['*/*;q=0, application/json', 'application/json'],
  ['text/html', undefined],
  ['text/html, */*;q=0.1', 'application/json'],
  ['application/recordio', undefined],
])('C10 Accept %j is answered in %s', (header, type) => {
  expect(negotiate(header)).toBe(type)
})

test('RecordIO is a type of its own', () => {
  expect(isRecordio('application/recordio')).toBe(true)
  expect(isRecordio('application/json')).toBe(false)
  expect(accepts('application/recordio', 'application/recordio')).toBe(true)
  expect(accepts('application/json', 'application/recordio')).toBe(false)
})
