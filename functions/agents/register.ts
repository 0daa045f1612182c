// REGISTER: an agent begins, comes back or goes on after a restart; its list is taken over page by page.

import { offeredTo } from '../../master/agents/offers.ts'
import { recoveredFramework } from '../../master/agents/recovered-framework.ts'
import {
  beatShardOf,
  register as decide,
  indexShardOf,
  type RegisterLoaded,
  type Registration,
} from '../../master/agents/register.ts'
import { frameworksOf, pageTaken } from '../../master/agents/return.ts'
import { takeInfos } from '../../master/agents/return-info.ts'
import { takeExecutors, takeReports } from '../../master/agents/return-list.ts'
import { RUNS_PER_PIECE } from '../../master/agents/work.ts'
import { type Decision, nothing } from '../../master/decision.ts'
import type { RegisterAnswer, RegisterCall } from '../../protocol/agent-messages.ts'
import { contextOf } from '../cluster-time.ts'
import type { Environment } from '../environment.ts'
import { finishGates } from '../scheduler/gates.ts'
import { transact } from '../transact.ts'
import { newAgentId } from './agent-id.ts'
import { loadFrameworks, loadPiece } from './load.ts'
import { finishLosses, finishReturnOf } from './open-work.ts'

/** Silence of the control plane after which an agent registers again. */
const SILENCE_MS = 5 * 60_000
/** When somebody else works on the same agent. */
const RETRY_MS = 500

export async function register(env: Environment, call: RegisterCall): Promise<RegisterAnswer> {
  const agentId = call.agentId ?? newAgentId(env.cluster.id, call.bootNonce)
  let registration = await decided(env, agentId, call)
  if (registration.outcome === 'finish-loss') {
    await finishLosses(env, [agentId])
    registration = await decided(env, agentId, call)
  }
  if (registration.outcome === 'registered' || registration.outcome === 'taken') {
    await takeInfosOf(env, agentId, call)
  }
  switch (registration.outcome) {
    case 'registered':
      return await answerOf(env, agentId)
    case 'taken':
      return { kind: 'next-page' }
    case 'shutdown':
      env.log.warn('agent refused', { agentId, why: registration.why })
      return { kind: 'shutdown', why: registration.why }
    case 'not-yet':
    case 'finish-loss':
      return { kind: 'not-yet', retryAfterMs: RETRY_MS }
    case 'take-page':
      return await takePage(env, agentId, call)
  }
}

async function decided(env: Environment, agentId: string, call: RegisterCall): Promise<Registration> {
  const context = await contextOf(env)
  return await transact(env, {
    name: 'register',
    load: () => load(env, agentId, call.instanceId),
    decide: (loaded): Decision<Registration> => decide(loaded, call, context),
  })
}

async function load(
  env: Environment,
  agentId: string,
  instanceId: string | undefined,
): Promise<RegisterLoaded> {
  const ledger = await env.store.get('ledger', { agentId })
  // An agent that is gone is told so in the answer; its queue is not made once more.
  const owner = ledger?.instanceId ?? instanceId
  const commandQueueUrl =
    ledger?.life === 'gone' ? '' : (await env.queues.ensureAgentQueue(agentId, owner)).url
  const beatShard = ledger?.beatShard ?? beatShardOf(agentId, env.settings)
  const indexShard = ledger?.indexShard ?? indexShardOf(agentId, env.settings)
  const [[entry, beats], frameworks] = await Promise.all([
    env.store.load([
      { kind: 'agent', ref: { agentId, shard: indexShard } },
      { kind: 'beats', ref: { shard: beatShard } },
    ]),
    loadFrameworks(env, ledger === undefined ? [] : offeredTo(ledger)),
  ])
  return { agentId, ledger, entry, beats, frameworks, commandQueueUrl }
}

/** Takes a page, and after the last one settles what the list left out. Done again, every part finds itself done. */
async function takePage(env: Environment, agentId: string, call: RegisterCall): Promise<RegisterAnswer> {
  await recoverFrameworks(env, call)
  await takeTasks(env, agentId, call)
  await takeExecutorsOf(env, agentId, call)
  await transact(env, {
    name: 'page taken',
    load: () => env.store.get('ledger', { agentId }),
    decide: (ledger) => (ledger === undefined ? nothing(false) : pageTaken(ledger, call.page)),
  })
  if (call.page < call.pages - 1) return { kind: 'next-page' }
  const isFinished = await finishReturnOf(env, agentId)
  return isFinished ? await answerOf(env, agentId) : { kind: 'not-yet', retryAfterMs: RETRY_MS }
}

async function takeTasks(env: Environment, agentId: string, { tasks }: RegisterCall): Promise<void> {
  const context = await contextOf(env)
  for (let from = 0; from < tasks.length; ) {
    const reports = tasks.slice(from, from + RUNS_PER_PIECE)
    from += await transact(env, {
      name: 'take reports',
      load: () => loadPiece(env, agentId, reports),
      decide: (piece) =>
        piece === undefined ? nothing(reports.length) : takeReports(piece, reports, context),
    })
  }
}

/** Of tasks that were recovered by their names alone. */
async function takeInfosOf(env: Environment, agentId: string, { tasks }: RegisterCall): Promise<void> {
  const told = tasks.filter(({ info }) => info !== undefined)
  for (let from = 0; from < told.length; ) {
    const reports = told.slice(from, from + RUNS_PER_PIECE)
    from += await transact(env, {
      name: 'tasks in full',
      load: () => loadPiece(env, agentId, reports),
      decide: (piece) => (piece === undefined ? nothing(reports.length) : takeInfos(piece, reports)),
    })
  }
}

async function takeExecutorsOf(
  env: Environment,
  agentId: string,
  { executors }: RegisterCall,
): Promise<void> {
  for (let from = 0; from < executors.length; ) {
    const reports = executors.slice(from, from + RUNS_PER_PIECE)
    const refs = reports.map(({ frameworkId, info }) => {
      return { agentId, frameworkId, executorId: info.executor_id.value }
    })
    from += await transact(env, {
      name: 'take executors',
      load: async () => {
        const [ledger, stored, frameworks] = await Promise.all([
          env.store.get('ledger', { agentId }),
          env.store.getMany('executor', refs),
          loadFrameworks(
            env,
            refs.map(({ frameworkId }) => frameworkId),
          ),
        ])
        return { ledger, stored, frameworks }
      },
      decide: ({ ledger, stored, frameworks }) =>
        ledger === undefined ? nothing(reports.length) : takeExecutors(ledger, reports, stored, frameworks),
    })
  }
}

/** Frameworks that nobody remembers are made again from what their agent knows of them. */
async function recoverFrameworks(env: Environment, call: RegisterCall): Promise<void> {
  const wanted = new Set([...Object.keys(call.sums), ...frameworksOf(call)])
  const known = await loadFrameworks(env, wanted)
  const context = await contextOf(env)
  for (const info of call.frameworks) {
    const frameworkId = info.id?.value
    if (frameworkId === undefined || !wanted.has(frameworkId) || known.has(frameworkId)) continue
    const isMade = await transact(env, {
      name: 'recover framework',
      load: () => env.store.get('framework', { frameworkId }),
      decide: (stored): Decision<boolean> =>
        stored !== undefined
          ? nothing(false)
          : {
              changes: [
                {
                  do: 'put',
                  kind: 'framework',
                  item: recoveredFramework(frameworkId, info, context),
                  when: { name: 'absent' },
                },
              ],
              tell: [],
              answer: true,
            },
    })
    if (isMade) await finishGates(env, frameworkId)
  }
}

async function answerOf(env: Environment, agentId: string): Promise<RegisterAnswer> {
  const ledger = await env.store.get('ledger', { agentId })
  if (ledger === undefined) return { kind: 'not-yet', retryAfterMs: RETRY_MS }
  const { url } = await env.queues.ensureAgentQueue(agentId, ledger.instanceId)
  return {
    kind: 'registered',
    agentId,
    incarnation: ledger.incarnation,
    generation: ledger.generation,
    beats: {
      queueUrl: env.queues.beatsQueueUrl(),
      group: String(ledger.beatShard),
      intervalMs: env.settings.profile.beatMs,
    },
    commands: { queueUrl: url },
    queueEndpoint: env.queues.endpoint(),
    silenceMs: SILENCE_MS,
  }
}
