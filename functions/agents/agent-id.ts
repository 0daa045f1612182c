// The id of a new agent: made from its boot's nonce, so that a repeat whose answer was lost finds the same agent.
import { createHash } from 'node:crypto'

/** `<cluster>-S<22 digits>`; as random as the nonce is (F25, register-answer-lost). */
export function newAgentId(clusterId: string, bootNonce: string): string {
  const digits = createHash('sha256').update(`agent ${bootNonce}`).digest('hex').slice(0, 22)
  return `${clusterId}-S${digits}`
}
