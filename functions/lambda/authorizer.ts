// Lambda `authorizer`: the REQUEST authorizer of the REST API, for everybody but agents.
import { systemClock } from '../../protocol/clock.ts'
import { authorizer } from './authorization.ts'
import { required, signingOf } from './environment.ts'
import { lambdaLog } from './log.ts'
import { carrier } from './signed-calls.ts'

const SecretId = required(process.env, 'MESETA_SECRET_ARN', 'the secret with the principals')
const secrets = carrier(signingOf('SECRETS_MANAGER', process.env), 'secretsmanager')

export const handler = authorizer({
  clock: systemClock,
  log: lambdaLog(systemClock, (line) => console.log(line)),
  async readSecret() {
    // What Secrets Manager answers to GetSecretValue; a secret made of bytes has no text.
    const { SecretString } = (await secrets.call('GetSecretValue', { SecretId })) as { SecretString?: string }
    if (SecretString === undefined) throw new Error('the secret has no text')
    return SecretString
  },
})
