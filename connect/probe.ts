// A first look at the far end: is it a Meseta, may we speak to it, does it deliver events by poll?
import { type FarEnd, NoCredentials, readText } from './far-end.ts'
import { awaySentence, EVENTS_PATH } from './poll.ts'
import { refusalSentence } from './refusals.ts'

export interface Found {
  /** For whoever started the connector. */
  readonly sentence: string
  /** Trying again changes nothing. */
  readonly isHopeless: boolean
}

const MAX_BYTES = 1024 * 1024

/** Asks for the events of nobody: whoever knows the call and may make it is told so by 400. */
export async function probe(far: FarEnd): Promise<Found> {
  const where = far.base.href.replace(/\/+$/, '')
  try {
    const { status, body } = await far.send({
      method: 'POST',
      target: EVENTS_PATH,
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: Buffer.from('{"type":"EVENTS","events":{}}'),
    })
    const said = await readText(body, MAX_BYTES)
    if (status === 400 && said.includes('framework_id')) {
      return { sentence: `a Meseta answers at ${where}`, isHopeless: false }
    }
    if (status === 501) {
      const sentence = `${where} does not deliver events by poll: its own streams are passed on, and end when the gateway ends them`
      return { sentence, isHopeless: false }
    }
    if (status === 401 && far.credentials === 'passed') {
      const sentence = `${where} asks who calls: frameworks must send their principal and secret, or give --principal or --profile`
      return { sentence, isHopeless: false }
    }
    const refusal = refusalSentence(far, status, said)
    if (refusal !== undefined) return { sentence: refusal, isHopeless: true }
    if (status === 429 || status >= 500) {
      return { sentence: `${where} answers ${status} for now; calls are tried again`, isHopeless: false }
    }
    return {
      sentence: `there is no Meseta at ${where} (it answers ${status}); check --url`,
      isHopeless: true,
    }
  } catch (error) {
    if (error instanceof NoCredentials) return { sentence: error.message, isHopeless: true }
    return { sentence: `${awaySentence(far, error)}; calls are tried again`, isHopeless: false }
  }
}
