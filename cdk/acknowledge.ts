// Findings of cdk-nag that are accepted, each with its reason, by the name the tool gives them.
import { Aws, Stack, Token, Validations } from 'aws-cdk-lib'
import type { Construct } from 'constructs'

/** Accepts one finding of AwsSolutions: `SQS3`, or `IAM5[Resource::*]` where a rule has several. */
export function acknowledge(scope: Construct, finding: string, reason: string): void {
  Validations.of(scope).acknowledge({ id: `AwsSolutions-${plain(scope, finding)}`, reason })
}

/** What AWS fills in is `<AWS::Region>` in the names of findings. */
function plain(scope: Construct, text: string): string {
  const { partition, region, account } = Stack.of(scope)
  const names = [
    [partition, Aws.PARTITION, '<AWS::Partition>'],
    [region, Aws.REGION, '<AWS::Region>'],
    [account, Aws.ACCOUNT_ID, '<AWS::AccountId>'],
  ] as const
  return names.reduce((found, [value, pseudo, name]) => {
    const named = found.replaceAll(pseudo, name)
    return Token.isUnresolved(value) ? named.replaceAll(value, name) : named
  }, text)
}
