// Each condition is one definition with two readings: what DynamoDB makes of the expression, the predicate says too.
import { ConditionalCheckFailedException, PutItemCommand } from '@aws-sdk/client-dynamodb'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeRow } from '../../store/attributes.ts'
import { type Arguments, RULES } from '../../store/conditions.ts'
import { dynamoClient, sdkCalls } from '../../store/dynamodb-client.ts'
import { expressionOf } from '../../store/expressions.ts'
import type { Row } from '../../store/rows.ts'
import { createTable } from '../../store/table.ts'
import { startDynamo } from './emulator.ts'

let dynamo: Awaited<ReturnType<typeof startDynamo>>
beforeAll(async () => {
  dynamo = await startDynamo()
})
afterAll(() => dynamo.stop())

describe('conditions', () => {
  test('each has a sentence, and the expression names only what it lists', () => {
    for (const rule of RULES) {
      expect(rule.sentence).toMatch(/^[a-z].*[^.]$/)
      const expression = rule.expression ?? ''
      expect(new Set(expression.match(/#\w+/g) ?? [])).toEqual(new Set(Object.keys(rule.names)))
      expect(new Set(expression.match(/:\w+/g) ?? [])).toEqual(
        new Set(rule.arguments.map((name) => `:${name}`)),
      )
    }
  })

  test('expressions', () => {
    expect(RULES.map(({ name, expression }) => `${name}: ${expression ?? '-'}`)).toEqual([
      'unchanged: #version = :version',
      'absent: attribute_not_exists(#pk)',
      'absent: attribute_not_exists(#pk) OR #ttl < :now',
      'anything: -',
      'epoch: #epoch = :epoch AND #removed = :removed',
      'raises: attribute_not_exists(#pk) OR #epoch < :epoch',
      'tag: #tag = :tag',
      'held: #holder = :holder AND #epoch = :epoch',
      'fence: #fence = :fence',
    ])
  })

  test('the predicate and DynamoDB agree on random rows', async () => {
    const client = dynamoClient({ endpoint: dynamo.endpoint })
    const TableName = 'conditions'
    await createTable(sdkCalls(client), TableName)
    const number = fc.constantFrom(0, 1, 2, 10_000_000_001, 10_000_000_002, 9.5)
    const text = fc.constantFrom('', 'a', 'b', 'ü')
    const row = fc.record(
      {
        version: number,
        epoch: number,
        removed: fc.boolean(),
        tag: text,
        holder: text,
        fence: number,
        ttl: number,
      },
      { requiredKeys: ['version'] },
    )
    const args: fc.Arbitrary<Arguments> = fc.record({
      version: number,
      now: number,
      epoch: number,
      removed: fc.boolean(),
      tag: text,
      holder: text,
      fence: number,
    })
    let place = 0
    let held = 0
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...RULES),
        fc.option(row, { nil: undefined, freq: 6 }),
        args,
        async (rule, some, args) => {
          const key = { pk: 'P', sk: String(++place), schema: 1, attempt: 'before', body: '{}' }
          const stored: Row | undefined = some && { ...key, ...some }
          if (stored !== undefined)
            await client.send(new PutItemCommand({ TableName, Item: writeRow(stored) }))
          const next: Row = { ...key, version: 1 }
          const command = {
            TableName,
            Item: writeRow(next),
            ...expressionOf({ do: 'put', row: next, rule, args }),
          }
          const wrote = await client.send(new PutItemCommand(command)).then(
            () => true,
            (error: unknown) => {
              if (error instanceof ConditionalCheckFailedException) return false
              throw error
            },
          )
          if (wrote) held++
          expect(rule.holds(stored, args)).toBe(wrote)
        },
      ),
      { numRuns: 300 },
    )
    // Both outcomes were met.
    expect(held).toBeGreaterThan(30)
    expect(held).toBeLessThan(270)
    client.destroy()
  })
})
