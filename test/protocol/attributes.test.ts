// Attributes in the text of agent flags.

import { expect, test } from 'vitest'
import { formatAttributes, parseAttributes } from '../../protocol/attributes.ts'

test('attributes have the type their value looks like', () => {
  expect(parseAttributes('rack:r1; cores:8 ;ports:[1-10, 20-30];url:http://x:80')).toEqual({
    ok: true,
    attributes: [
      { name: 'rack', type: 'TEXT', text: { value: 'r1' } },
      { name: 'cores', type: 'SCALAR', scalar: { value: 8 } },
      {
        name: 'ports',
        type: 'RANGES',
        ranges: {
          range: [
            { begin: 1, end: 10 },
            { begin: 20, end: 30 },
          ],
        },
      },
      { name: 'url', type: 'TEXT', text: { value: 'http://x:80' } },
    ],
  })
})

test('what looks like a set is text', () => {
  expect(parseAttributes('zone:{a,b}')).toEqual({
    ok: true,
    attributes: [{ name: 'zone', type: 'TEXT', text: { value: '{a,b}' } }],
  })
})

test.each(['rack', ':x', 'rack:', 'ports:[1-]'])('%j is refused', (text) => {
  expect(parseAttributes(text)).toEqual({
    ok: false,
    error: `Invalid attribute '${text}': expecting name:value`,
  })
})

test.each(['', 'rack:r1', 'rack:r1;cores:8.5;ports:[1-10, 20-30]'])(
  '%j is written as it was read',
  (text) => {
    const parsed = parseAttributes(text)
    expect(parsed.ok && formatAttributes(parsed.attributes)).toBe(text)
  },
)
