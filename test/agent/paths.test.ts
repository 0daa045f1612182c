// The layout of the work directory, and that no id leads out of it.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  agentDirectory,
  executorDirectory,
  frameworkDirectory,
  latestRunLink,
  latestRunVirtualPath,
  sandboxDirectory,
  volumeDirectory,
} from '../../agent/paths.ts'

const ids = { agentId: 'A-S0', frameworkId: 'F-0001', executorId: 'ex 1' }

test('as Mesos lays it out', () => {
  const executor = '/w/slaves/A-S0/frameworks/F-0001/executors/ex 1'
  expect(executorDirectory('/w', ids)).toBe(executor)
  expect(sandboxDirectory('/w', { ...ids, containerIds: ['c'] })).toBe(`${executor}/runs/c`)
  expect(sandboxDirectory('/w', { ...ids, containerIds: ['c', 'd', 'e'] })).toBe(
    `${executor}/runs/c/containers/d/containers/e`,
  )
  expect(latestRunLink('/w', ids)).toBe(`${executor}/runs/latest`)
  expect(latestRunVirtualPath(ids)).toBe('/frameworks/F-0001/executors/ex 1/runs/latest')
  expect(volumeDirectory('/w', { role: 'a/b', persistenceId: 'v' })).toBe('/w/volumes/roles/a b/v')
  expect(volumeDirectory('/w', { role: '*', persistenceId: 'v' })).toBe('/w/volumes/roles/*/v')
})

describe('ids that lead elsewhere', () => {
  test.each(['', '.', '..', '../x', 'a/b', '/', '\0', 'a\\b', 'a\nb', 'x'.repeat(256)])('%j', (id) => {
    expect(() => agentDirectory('/w', id)).toThrow()
    expect(() => frameworkDirectory('/w', { ...ids, frameworkId: id })).toThrow()
    expect(() => executorDirectory('/w', { ...ids, executorId: id })).toThrow()
    expect(() => sandboxDirectory('/w', { ...ids, containerIds: ['c', id] })).toThrow()
    expect(() => volumeDirectory('/w', { role: 'r', persistenceId: id })).toThrow()
  })

  test('percent signs mean nothing here', () => {
    expect(agentDirectory('/w', '%2e%2e')).toBe('/w/slaves/%2e%2e')
  })

  test.each(['..', 'a/../b', 'a//b', '/a', ''])('role %j', (role) => {
    expect(() => volumeDirectory('/w', { role, persistenceId: 'v' })).toThrow()
  })

  test('whatever is accepted is one step deeper', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (id) => {
        let path: string
        try {
          path = agentDirectory('/w', id)
        } catch {
          return
        }
        expect(path.split('/')).toHaveLength(4)
        expect(path.startsWith('/w/slaves/')).toBe(true)
      }),
    )
  })
})
