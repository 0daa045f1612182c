// Access control lists: the first rule that matches decides, and a file that is wrong is refused with its place.
import { describe, expect, test } from 'vitest'
import { type Acls, type Action, allowed, parseAcls, readAcls } from '../../../master/authorization/acls.ts'

function acls(value: unknown): Acls {
  const parsed = parseAcls(JSON.stringify(value))
  if (!parsed.ok) throw new Error(parsed.error)
  return parsed.acls
}

const ANY = { type: 'ANY' }
const NONE = { type: 'NONE' }
const some = (...values: string[]) => ({ values })

describe('who may do what', () => {
  const rules = acls({
    permissive: false,
    register_frameworks: [
      { principals: some('jobs'), roles: some('batch', 'night') },
      { principals: some('jobs'), roles: NONE },
      { principals: ANY, roles: some('web') },
    ],
    run_tasks: [
      { principals: ANY, users: some('nobody') },
      { principals: NONE, users: some('root') },
    ],
    teardown_frameworks: [{ principals: some('ops'), framework_principals: ANY }],
  })

  const table: readonly [Action, string | undefined, string | undefined, boolean][] = [
    ['register_frameworks', 'jobs', 'batch', true],
    ['register_frameworks', 'jobs', 'web', false],
    ['register_frameworks', 'other', 'web', true],
    ['register_frameworks', 'other', 'batch', false],
    ['register_frameworks', undefined, 'web', true],
    ['register_frameworks', undefined, 'batch', false],
    ['run_tasks', 'jobs', 'nobody', true],
    ['run_tasks', 'jobs', 'root', false],
    ['run_tasks', undefined, 'root', false],
    ['teardown_frameworks', 'ops', 'jobs', true],
    ['teardown_frameworks', 'ops', undefined, true],
    ['teardown_frameworks', 'jobs', 'ops', false],
    ['teardown_frameworks', undefined, 'jobs', false],
    ['drain_agents', 'ops', undefined, false],
  ]
  test.each(table)('%s by %s on %s: %s', (action, principal, object, may) => {
    expect(allowed(rules, action, principal, object)).toBe(may)
  })

  test('without lists everybody may', () => {
    expect(allowed(undefined, 'run_tasks', undefined, 'root')).toBe(true)
  })

  test('a value that was read already is read the same way', () => {
    expect(readAcls({ permissive: false })).toEqual(parseAcls('{"permissive":false}'))
    expect(readAcls(undefined)).toMatchObject({ ok: false })
  })

  test('without rules everybody may, because permissive is true unless said otherwise', () => {
    expect(allowed(acls({}), 'teardown_frameworks', undefined, 'jobs')).toBe(true)
  })

  test('a later rule does not open what an earlier one closed', () => {
    const closed = acls({
      view_flags: [
        { principals: ANY, flags: NONE },
        { principals: some('ops'), flags: ANY },
      ],
    })
    expect(allowed(closed, 'view_flags', 'ops', undefined)).toBe(false)
  })
})

describe('a file that is wrong', () => {
  test.each([
    ['{', 'ACLs: '],
    ['[]', 'the file is an object'],
    ['{"register_agents":[]}', 'known by the role of their instance'],
    ['{"access_sandboxes":[]}', 'served by agents'],
    [
      '{"view_flags":[{"principals":{"type":"ANY"},"flags":{"values":["port"]}}]}',
      'flags has "type": "ANY" or',
    ],
    [
      '{"get_endpoints":[{"principals":{"type":"ANY"},"paths":{"values":["/state"]}}]}',
      'paths has "/state"; there',
    ],
    ['{"call_meseta":[{"principals":{"type":"ANY"},"calls":{"values":["RESTORE"]}}]}', 'calls has "RESTORE"'],
    ['{"permissive":"false"}', '"permissive" is true or false'],
    ['{"register_framework":[]}', '"register_framework" is no action'],
    ['{"__proto__":[]}', '"__proto__" is no action'],
    ['{"run_tasks":{}}', '"run_tasks" is a list of rules'],
    ['{"run_tasks":[{"principals":{"type":"ANY"}}]}', 'run_tasks[0].users is an object'],
    ['{"run_tasks":[{"principals":{"type":"ANY"},"user":{}}]}', 'it takes "principals" and "users"'],
    ['{"run_tasks":[{"principals":{"type":"any"},"users":{}}]}', 'is ANY, NONE or SOME'],
    ['{"run_tasks":[{"principals":{},"users":{"type":"ANY"}}]}', 'names nobody'],
    ['{"run_tasks":[{"principals":{"type":"ANY","values":["a"]},"users":{}}]}', 'give one of them'],
    ['{"run_tasks":[{"principals":{"values":[1]},"users":{}}]}', 'a list of texts'],
  ])('%s', (json, words) => {
    const parsed = parseAcls(json)
    expect(parsed.ok ? 'taken' : parsed.error).toContain(words)
  })
})
