// Agents that run nothing: they register and answer, so that placing can be measured without processes.
import { randomUUID } from 'node:crypto'
import type { RegisterAnswer, RegisterCall } from '../protocol/agent-messages.ts'

export interface MockAgents {
  stop(): void
}

const CALL_EVERY_MS = 1_500

/** Registers `count` agents of 1,000 cpus each and keeps them alive by calls. */
export async function startMockAgents(master: string, count: number): Promise<MockAgents> {
  const registered = await Promise.all(Array.from({ length: count }, (_, index) => register(master, index)))
  const timer = setInterval(() => {
    for (const { agentId, incarnation } of registered) {
      void post(master, { type: 'SYNC', agentId, incarnation, applied: 0 }).catch(() => {})
    }
  }, CALL_EVERY_MS)
  return { stop: () => clearInterval(timer) }
}

async function register(master: string, index: number) {
  const call: RegisterCall = {
    type: 'REGISTER',
    bootNonce: randomUUID(),
    agentInfo: {
      hostname: `mock-${index}`,
      port: 6_000 + index,
      resources: [
        { name: 'cpus', type: 'SCALAR', scalar: { value: 1_000 } },
        { name: 'mem', type: 'SCALAR', scalar: { value: 1_000_000 } },
      ],
    },
    address: { ip: '127.0.0.1', port: 6_000 + index },
    version: 'mock',
    capabilities: [],
    applied: 0,
    sums: {},
    page: 0,
    pages: 1,
    tasks: [],
    executors: [],
    frameworks: [],
  }
  const answer = (await post(master, call)) as RegisterAnswer
  if (answer.kind !== 'registered') throw new Error(`a mock agent was not registered: ${answer.kind}`)
  return answer
}

async function post(master: string, body: unknown): Promise<unknown> {
  const response = await fetch(`${master}/api/v1/agent`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`)
  return response.json()
}
