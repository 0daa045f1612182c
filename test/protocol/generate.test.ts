// The generated files are what the definitions say, and the names in them are the promised ones.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { enumNumbers, fieldsOf } from '../../protocol/descriptor.ts'
import { generate, interfaceName } from '../../protocol/generate.ts'

const directory = join(import.meta.dirname, '../../protocol')

test('descriptor.json and messages.ts are up to date', () => {
  const { descriptor, messages } = generate(directory)
  expect(readFileSync(join(directory, 'descriptor.json'), 'utf8')).toBe(descriptor)
  expect(readFileSync(join(directory, 'messages.ts'), 'utf8')).toBe(messages)
})

test.each([
  ['mesos.v1.FrameworkInfo', 'FrameworkInfo'],
  ['mesos.v1.Offer.Operation', 'OfferOperation'],
  ['mesos.v1.scheduler.Call.Accept', 'SchedulerCallAccept'],
  ['mesos.v1.agent.ProcessIO', 'AgentProcessIO'],
  ['mesos.v1.quota.QuotaConfig', 'QuotaConfig'],
  ['mesos.v1.maintenance.Schedule', 'MaintenanceSchedule'],
  ['google.protobuf.Duration', 'Duration'],
])('%s is called %s', (dottedName, name) => {
  expect(interfaceName(dottedName)).toBe(name)
})

test('numbers that are easy to get wrong', () => {
  expect(enumNumbers('mesos.v1.TaskState')).toMatchObject({
    TASK_STARTING: 0,
    TASK_STAGING: 6,
    TASK_KILLING: 8,
  })
  expect(enumNumbers('mesos.v1.scheduler.Call.Type')).toMatchObject({
    SUPPRESS: 12,
    ACCEPT_INVERSE_OFFERS: 13,
  })
  expect(enumNumbers('mesos.v1.Image.Type')).toEqual({ APPC: 1, DOCKER: 2 })
  const numbers = Object.fromEntries(
    fieldsOf('mesos.v1.scheduler.Call').map(({ name, number }) => [name, number]),
  )
  expect(numbers).toMatchObject({ request: 11, accept_inverse_offers: 13, update_framework: 19 })
})

test('unknown types are bugs', () => {
  expect(() => fieldsOf('mesos.v1.Nothing')).toThrow("Unknown message type 'mesos.v1.Nothing'")
  expect(() => enumNumbers('mesos.v1.Nothing')).toThrow("Unknown enum type 'mesos.v1.Nothing'")
})
