// Steps as DynamoDB's requests write them; names and text of each rule are made once.
import { createHash } from 'node:crypto'
import type { AttributeValue, TransactWriteItem } from '@aws-sdk/client-dynamodb'
import { writeKey, writeRow, writeScalar } from './attributes.ts'
import type { Step } from './rows.ts'

interface Expression {
  readonly ConditionExpression?: string
  readonly ExpressionAttributeNames?: Record<string, string>
  readonly ExpressionAttributeValues?: Record<string, AttributeValue>
}

/** The condition of a step; empty when there is none. */
export function expressionOf({ rule, args }: Step): Expression {
  if (rule.expression === undefined) return {}
  const expression = { ConditionExpression: rule.expression, ExpressionAttributeNames: rule.names }
  if (rule.arguments.length === 0) return expression
  const values: Record<string, AttributeValue> = {}
  for (const argument of rule.arguments) {
    const value = args[argument]
    if (value !== undefined) values[`:${argument}`] = writeScalar(value)
  }
  return { ...expression, ExpressionAttributeValues: values }
}

/** A refused put shows what stands there: it may be our own. */
export function transactItem(tableName: string, step: Step): TransactWriteItem {
  const conditions = expressionOf(step)
  if (step.do === 'put') {
    return {
      Put: {
        TableName: tableName,
        Item: writeRow(step.row),
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        ...conditions,
      },
    }
  }
  const there = { TableName: tableName, Key: writeKey(step.row) }
  if (step.do === 'remove') return { Delete: { ...there, ...conditions } }
  const { ConditionExpression = 'attribute_exists(pk) OR attribute_not_exists(pk)', ...rest } = conditions
  return { ConditionCheck: { ...there, ...rest, ConditionExpression } }
}

/** The request token of a commit: at most 36 characters. */
export function tokenOf(token: string): string {
  return token.length <= 36 ? token : createHash('sha256').update(token).digest('hex').slice(0, 36)
}
