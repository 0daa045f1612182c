// What a refusal of the far end means, as a sentence that says what to do.
import type { FarEnd } from './far-end.ts'

/** Undefined: the status is none that a person has to do something about. */
export function refusalSentence(
  { base, credentials }: Pick<FarEnd, 'base' | 'credentials'>,
  status: number,
  said: string,
): string | undefined {
  const quoted = said.trim() === '' ? '' : ` It says: ${said.trim().slice(0, 300)}`
  const where = `${base.origin}${base.pathname.replace(/\/+$/, '')}`
  if (status === 401) return `${where} asks who we are (401); ${WHO[credentials]}.${quoted}`
  if (status === 403 && /Missing Authentication Token/i.test(said)) {
    return `${where} has nothing at this path (403); does the URL lack its stage, such as /prod?${quoted}`
  }
  if (status === 403 && /expired|Signature/i.test(said)) {
    return `${where} does not take our signature (403); check this machine's clock, --region and --profile.${quoted}`
  }
  if (status === 403) return `${where} does not let us do this (403); ${RIGHTS[credentials]}.${quoted}`
  if (status === 404 || status === 405)
    return `there is no Meseta at ${where} (${status}); check --url.${quoted}`
  return undefined
}

const WHO: Readonly<Record<FarEnd['credentials'], string>> = {
  basic: 'it does not know this principal with this secret',
  signed: 'it does not take AWS signatures here: give --principal and --secret-file',
  passed:
    'let the framework send its principal and secret, or give --principal and --secret-file, or --profile',
}

const RIGHTS: Readonly<Record<FarEnd['credentials'], string>> = {
  basic: 'the principal needs the right to call the scheduler API and /api/v1/meseta',
  signed: 'the role or user of --profile needs execute-api:Invoke on this API and its stage',
  passed: 'the framework’s principal needs the right, or give --principal and --secret-file, or --profile',
}
