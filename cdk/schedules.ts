// The minute: no schedule is finer, so the planner sends the ticks of the minute with delays.
import { Duration } from 'aws-cdk-lib'
import type { IRole } from 'aws-cdk-lib/aws-iam'
import type { IFunction } from 'aws-cdk-lib/aws-lambda'
import { Schedule, ScheduleExpression } from 'aws-cdk-lib/aws-scheduler'
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets'
import type { Construct } from 'constructs'

export function eachMinute(scope: Construct, planner: IFunction, role: IRole): Schedule {
  planner.grantInvoke(role)
  return new Schedule(scope, 'EachMinute', {
    description: 'Meseta: plans the ticks of the next minute',
    schedule: ScheduleExpression.rate(Duration.minutes(1)),
    // A minute that was missed is over: the next one plans anew.
    target: new LambdaInvoke(planner, { role, retryAttempts: 2, maxEventAge: Duration.minutes(1) }),
  })
}
