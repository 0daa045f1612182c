// Call-level validation: a row per requirement.
import { describe, expect, test } from 'vitest'
import { callError } from '../../../master/validation/call.ts'
import type { SchedulerCall } from '../../../protocol/messages.ts'

const framework_id = { value: 'f' }
const info = { user: 'u', name: 'n' }
const uuid = 'AAECAwQFBgcICQoLDA0ODw=='
const ids = { agent_id: { value: 'a' }, task_id: { value: 't' } }

describe('refused', () => {
  test.each<[string, SchedulerCall, string]>([
    ['no type', {}, 'type'],
    ['SUBSCRIBE without body', { type: 'SUBSCRIBE' }, 'subscribe'],
    [
      'C38: ids that differ',
      { type: 'SUBSCRIBE', framework_id, subscribe: { framework_info: info } },
      'differs',
    ],
    ['TEARDOWN without framework_id', { type: 'TEARDOWN' }, 'framework_id'],
    ['UNKNOWN without framework_id', { type: 'UNKNOWN' }, 'framework_id'],
    ...(
      [
        'ACCEPT',
        'DECLINE',
        'ACCEPT_INVERSE_OFFERS',
        'DECLINE_INVERSE_OFFERS',
        'KILL',
        'SHUTDOWN',
        'ACKNOWLEDGE',
        'ACKNOWLEDGE_OPERATION_STATUS',
        'RECONCILE',
        'RECONCILE_OPERATIONS',
        'MESSAGE',
        'REQUEST',
        'UPDATE_FRAMEWORK',
      ] as const
    ).map((type): [string, SchedulerCall, string] => [
      `${type} without body`,
      { type, framework_id },
      type.toLowerCase(),
    ]),
    [
      'C98: a uuid of 15 bytes',
      { type: 'ACKNOWLEDGE', framework_id, acknowledge: { ...ids, uuid: 'AAECAwQFBgcICQoLDA0O' } },
      'uuid',
    ],
    ['C98: no uuid bytes', { type: 'ACKNOWLEDGE', framework_id, acknowledge: { ...ids, uuid: '' } }, 'uuid'],
    [
      'operation acknowledgement without agent',
      {
        type: 'ACKNOWLEDGE_OPERATION_STATUS',
        framework_id,
        acknowledge_operation_status: { uuid, operation_id: { value: 'o' } },
      },
      'agent_id',
    ],
    [
      'operation acknowledgement with a short uuid',
      {
        type: 'ACKNOWLEDGE_OPERATION_STATUS',
        framework_id,
        acknowledge_operation_status: {
          agent_id: { value: 'a' },
          uuid: 'AA==',
          operation_id: { value: 'o' },
        },
      },
      'uuid',
    ],
    [
      'UPDATE_FRAMEWORK of another id',
      { type: 'UPDATE_FRAMEWORK', framework_id, update_framework: { framework_info: info } },
      'differs',
    ],
  ])('%s', (_, call, word) => {
    expect(callError(call)).toMatch(/^Failed to validate scheduler::Call: /)
    expect(callError(call)).toContain(word)
  })

  test('SUBSCRIBE with a principal that is not the authenticated one', () => {
    const call: SchedulerCall = {
      type: 'SUBSCRIBE',
      subscribe: { framework_info: { ...info, principal: 'bob' } },
    }
    expect(callError(call, { principal: 'alice' })).toContain('alice')
    expect(callError(call, { principal: 'bob' })).toBeUndefined()
    expect(callError(call)).toBeUndefined()
  })
})

describe('well-formed', () => {
  test.each<[string, SchedulerCall]>([
    ['SUBSCRIBE without id', { type: 'SUBSCRIBE', subscribe: { framework_info: info } }],
    [
      'SUBSCRIBE with an empty id',
      { type: 'SUBSCRIBE', framework_id: { value: '' }, subscribe: { framework_info: info } },
    ],
    ['REVIVE without body', { type: 'REVIVE', framework_id }],
    ['SUPPRESS without body', { type: 'SUPPRESS', framework_id }],
    ['TEARDOWN', { type: 'TEARDOWN', framework_id }],
    ['UNKNOWN with framework_id: 501 comes later', { type: 'UNKNOWN', framework_id }],
    ['RECONCILE of all', { type: 'RECONCILE', framework_id, reconcile: {} }],
    ['ACKNOWLEDGE', { type: 'ACKNOWLEDGE', framework_id, acknowledge: { ...ids, uuid } }],
    [
      'UPDATE_FRAMEWORK',
      {
        type: 'UPDATE_FRAMEWORK',
        framework_id,
        update_framework: { framework_info: { ...info, id: framework_id } },
      },
    ],
  ])('%s', (_, call) => expect(callError(call)).toBeUndefined())
})
