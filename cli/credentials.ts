// Who the command is to a cluster that asks: principal and secret of the environment, as HTTP Basic.
import { CommandError, EXIT } from './exit-codes.ts'

/**
 * The `Authorization` header of `MESETA_PRINCIPAL` and `MESETA_SECRET`; none when neither is set. Throws a sentence,
 * which never holds the secret, when only one of them is set or the principal cannot be sent.
 */
export function credentialHeaders(
  environment: NodeJS.ProcessEnv = process.env,
): Readonly<Record<string, string>> {
  const { MESETA_PRINCIPAL: principal = '', MESETA_SECRET: secret = '' } = environment
  if (principal === '' && secret === '') return {}
  if (principal === '') throw new CommandError('MESETA_SECRET is set; set MESETA_PRINCIPAL too', EXIT.usage)
  if (secret === '') throw new CommandError('MESETA_PRINCIPAL is set; set MESETA_SECRET too', EXIT.usage)
  if (principal.includes(':')) {
    throw new CommandError('MESETA_PRINCIPAL holds a colon, which HTTP Basic cannot send', EXIT.usage)
  }
  return { Authorization: `Basic ${Buffer.from(`${principal}:${secret}`).toString('base64')}` }
}
