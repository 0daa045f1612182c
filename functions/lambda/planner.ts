// Lambda `planner`: a schedule of each minute; sends the ticks of that minute, because no schedule is finer.
import { lambdaFunction } from './environment.ts'
import { isAnythingRegistered, plan, sendPlan } from './plan.ts'

const fn = lambdaFunction()

export async function handler(): Promise<void> {
  const env = await fn.environment()
  await sendPlan(fn, plan(env.settings.profile, await isAnythingRegistered(env)))
}
