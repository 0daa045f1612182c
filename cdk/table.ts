// The one table; mirrors store/table.ts.
import { RemovalPolicy } from 'aws-cdk-lib'
import { AttributeType, Billing, type ITableV2, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb'
import type { Construct } from 'constructs'

/** On demand, with backups of every second; kept and protected unless the cluster is one to throw away. */
export function table(scope: Construct, removalPolicy: RemovalPolicy): ITableV2 {
  const made = new TableV2(scope, 'Table', {
    partitionKey: { name: 'pk', type: AttributeType.STRING },
    sortKey: { name: 'sk', type: AttributeType.STRING },
    billing: Billing.onDemand(),
    encryption: TableEncryptionV2.dynamoOwnedKey(),
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    timeToLiveAttribute: 'ttl',
    removalPolicy,
    deletionProtection: removalPolicy !== RemovalPolicy.DESTROY,
  })
  // The class misses `undefined` in its own interface.
  return made as ITableV2
}

/** One that is there already: its expiry, backups and protection are whose who made it. */
export function tableNamed(scope: Construct, name: string): ITableV2 {
  return TableV2.fromTableName(scope, 'Table', name)
}
