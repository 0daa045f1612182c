// Mesos's JSON mapping, rule by rule, as clients of several languages lean on it.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeJsonValue,
  decodeMessage,
  encodeMessage,
  jsonText,
  type MessageName,
} from '../../protocol/codec.ts'
import type { MessageTypes } from '../../protocol/messages.ts'
import { arbitraryMessage } from './arbitrary-message.ts'

const call = 'mesos.v1.scheduler.Call'

function read<N extends MessageName>(typeName: N, json: string) {
  return decodeMessage(typeName, 'application/json', Buffer.from(json))
}

function message<N extends MessageName>(typeName: N, json: string): MessageTypes[N] {
  const decoded = read(typeName, json)
  if (!decoded.ok) throw new Error(decoded.error)
  return decoded.message
}

function error(typeName: MessageName, json: string): string {
  const decoded = read(typeName, json)
  return decoded.ok ? `read as ${JSON.stringify(decoded.message)}` : decoded.error
}

describe('reading', () => {
  test('C13 unknown fields are ignored at any depth', () => {
    const json =
      '{"type":"DECLINE","x":[{}],"decline":{"offer_ids":[{"value":"o","y":1}],"z":{"deep":[[[]]]}}}'
    expect(message(call, json)).toEqual({ type: 'DECLINE', decline: { offer_ids: [{ value: 'o' }] } })
    expect(message(call, '{"frameworkId":{"value":"f"}}')).toEqual({})
  })

  test('C14 null is absence, of values, lists and their items', () => {
    const json = '{"type":"KILL","framework_id":null,"kill":{"task_id":{"value":"t"},"agent_id":null}}'
    expect(message(call, json)).toEqual({ type: 'KILL', kill: { task_id: { value: 't' } } })
    expect(message(call, '{"revive":{"roles":null}}')).toEqual({ revive: {} })
    expect(message(call, '{"revive":{"roles":[null,"a",null]}}')).toEqual({ revive: { roles: ['a'] } })
    expect(error(call, '{"kill":{"task_id":null}}')).toBe('Missing required fields: kill.task_id')
  })

  test('C15 a numeric enum in JSON is refused', () => {
    expect(error(call, '{"type":3}')).toBe("Field 'type' must be the name of a value, not a number")
    expect(error('mesos.v1.TaskStatus', '{"task_id":{"value":"t"},"state":6}')).toBe(
      "Field 'state' must be the name of a value, not a number",
    )
  })

  test('C16 an unknown enum name is dropped where optional or repeated, refused where required', () => {
    expect(message(call, '{"type":"FROBNICATE"}')).toEqual({})
    const json = '{"user":"u","name":"n","capabilities":[{"type":"NEW"},{"type":"MULTI_ROLE"}]}'
    expect(message('mesos.v1.FrameworkInfo', json).capabilities).toEqual([{}, { type: 'MULTI_ROLE' }])
    expect(message('mesos.v1.CapabilityInfo', '{"capabilities":["NEW","KILL"]}')).toEqual({
      capabilities: ['KILL'],
    })
    expect(error('mesos.v1.TaskStatus', '{"task_id":{"value":"t"},"state":"TASK_ODD"}')).toBe(
      "Field 'state' has an unknown value 'TASK_ODD'",
    )
    expect(error(call, '{"accept":{"operations":[{},{"create_disk":{"target_type":"X"}}]}}')).toBe(
      "Field 'accept.operations[1].create_disk.target_type' has an unknown value 'X'",
    )
    expect(error('mesos.v1.TaskStatus', '{"task_id":{"value":"t"},"state":"toString"}')).toContain(
      'unknown value',
    )
  })

  test.each([
    ['AAECAw==', 'AAECAw=='],
    ['', ''],
    ['+/+/', '+/+/'],
    ['QR==', 'QQ=='],
  ])('C17 bytes %j are kept as canonical base64 %j', (given, kept) => {
    expect(message('mesos.v1.UUID', JSON.stringify({ value: given }))).toEqual({ value: kept })
  })

  test.each([
    ['*', "Field 'value' is not base64: invalid character '*'"],
    ['QQ', "Field 'value' is not base64: wrong padding"],
    ['QQ=', "Field 'value' is not base64: wrong padding"],
    ['Q===', "Field 'value' is not base64: wrong padding"],
    ['QQ==QQ==', "Field 'value' is not base64: wrong padding"],
    ['-_-_', "Field 'value' is not base64: invalid character '-'"],
    ['QQ==\n', "Field 'value' is not base64: invalid character '\\n'"],
    [1, "Field 'value' must be base64 text, not a number"],
  ])('C17 bytes %j are refused', (given, sentence) => {
    expect(error('mesos.v1.UUID', JSON.stringify({ value: given }))).toBe(sentence)
  })

  test.each([
    ['9007199254740991', 9007199254740991],
    ['9007199254740993', 9007199254740993n],
    ['-9223372036854775808', -9223372036854775808n],
    ['9223372036854775807', 9223372036854775807n],
    ['"9223372036854775807"', 9223372036854775807n],
    ['-1700000000123456789', -1700000000123456789n],
    ['1e3', 1000],
    ['"5.0"', 5],
    ['-0', 0],
  ])('C18 the 64-bit integer %s is read exactly', (written, kept) => {
    expect(message('mesos.v1.TimeInfo', `{"nanoseconds":${written}}`).nanoseconds).toBe(kept)
  })

  test('C18 a long number is exact wherever it stands', () => {
    const json = '{"begin":\n 18446744073709551614 , "end":18446744073709551615}'
    expect(message('mesos.v1.Value.Range', json)).toEqual({
      begin: 18446744073709551614n,
      end: 18446744073709551615n,
    })
  })

  test.each([
    ['9223372036854775808', 'must lie between -9223372036854775808 and 9223372036854775807'],
    [`1${'0'.repeat(40)}`, 'must lie between'],
    ['1.5', 'must be an integer'],
    ['1e400', 'must be an integer'],
    ['"Infinity"', "must be a number, not the text 'Infinity'"],
    ['" 1"', "must be a number, not the text ' 1'"],
    ['"0x10"', "must be a number, not the text '0x10'"],
    ['""', "must be a number, not the text ''"],
    ['true', 'must be a number, not a boolean'],
    ['{}', 'must be a number, not an object'],
    ['[1]', 'must be a single value, not an array'],
  ])('the 64-bit integer %s is refused', (written, sentence) => {
    expect(error('mesos.v1.TimeInfo', `{"nanoseconds":${written}}`)).toContain(
      `Field 'nanoseconds' ${sentence}`,
    )
  })

  test('integers of 32 bits keep to their bounds', () => {
    expect(message('mesos.v1.Address', '{"port":-2147483648}').port).toBe(-2147483648)
    expect(error('mesos.v1.Address', '{"port":2147483648}')).toContain("Field 'port' must lie between")
    expect(error('mesos.v1.CheckInfo.Tcp', '{"port":-1}')).toContain(
      "Field 'port' must lie between 0 and 4294967295",
    )
  })

  test.each([
    ['"5"', 5],
    ['"0.25"', 0.25],
    ['"-1e3"', -1000],
    ['"Infinity"', Number.POSITIVE_INFINITY],
    ['"-Infinity"', Number.NEGATIVE_INFINITY],
    ['12345678901234567890', 12345678901234567000],
    ['0.12345678901234567890', 0.12345678901234568],
    ['9007199254740993', 9007199254740992],
  ])('C19 the double %s is read', (written, kept) => {
    expect(message('mesos.v1.Filters', `{"refuse_seconds":${written}}`).refuse_seconds).toBe(kept)
  })

  test.each([
    ['1e400', 'is too large for a number'],
    ['"1e400"', 'is too large for a number'],
    ['"NaN"', "must be a number, not the text 'NaN'"],
    ['"five"', "must be a number, not the text 'five'"],
  ])('the double %s is refused', (written, sentence) => {
    expect(error('mesos.v1.Filters', `{"refuse_seconds":${written}}`)).toBe(
      `Field 'refuse_seconds' ${sentence}`,
    )
  })

  test('C19 booleans may be text', () => {
    expect(message('mesos.v1.CommandInfo', '{"shell":"false"}')).toEqual({ shell: false })
    expect(message('mesos.v1.CommandInfo', '{"shell":"true"}')).toEqual({ shell: true })
    expect(error('mesos.v1.CommandInfo', '{"shell":"yes"}')).toBe(
      "Field 'shell' must be a boolean, not a string",
    )
    expect(error('mesos.v1.CommandInfo', '{"shell":1}')).toBe("Field 'shell' must be a boolean, not a number")
  })

  test('a bare value stands for a list of one, an empty list for none', () => {
    expect(message(call, '{"revive":{"roles":"a"}}')).toEqual({ revive: { roles: ['a'] } })
    expect(message(call, '{"decline":{"offer_ids":{"value":"o"}}}')).toEqual({
      decline: { offer_ids: [{ value: 'o' }] },
    })
    expect(message(call, '{"revive":{"roles":[]}}')).toEqual({ revive: {} })
    expect(error(call, '{"revive":{"roles":[["a"]]}}')).toBe(
      "Field 'revive.roles[0]' must be a string, not an array",
    )
  })

  test('maps are objects', () => {
    const type = 'mesos.v1.quota.QuotaConfig'
    expect(message(type, '{"role":"a","limits":{"cpus":{"value":1},"mem":null}}')).toEqual({
      role: 'a',
      limits: { cpus: { value: 1 } },
    })
    expect(error(type, '{"role":"a","limits":{"cpus":{}}}')).toBe(
      "Missing required fields: limits['cpus'].value",
    )
    expect(error(type, '{"role":"a","limits":[]}')).toBe("Field 'limits' must be an object, not an array")
  })

  test('the one duration of Google is an object', () => {
    const json =
      '{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"a"},"max_grace_period":{"seconds":"2"}}}'
    expect(message('mesos.v1.master.Call', json).drain_agent?.max_grace_period).toEqual({ seconds: 2 })
    expect(error('mesos.v1.master.Call', json.replace('{"seconds":"2"}', '"2s"'))).toBe(
      "Field 'drain_agent.max_grace_period' must be an object, not a string",
    )
  })

  test('of several members of a oneof one stays', () => {
    const json = '{"attribute_name":"rack","pseudoattribute_type":"ZONE"}'
    expect(message('mesos.v1.scheduler.AttributeConstraint.Selector', json)).toEqual({
      attribute_name: 'rack',
    })
  })

  test('C22 missing required fields are all named', () => {
    expect(error(call, '{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u"}}}')).toBe(
      'Missing required fields: subscribe.framework_info.name',
    )
    expect(error('mesos.v1.executor.Call', '{"type":"HEARTBEAT"}')).toBe(
      'Missing required fields: executor_id, framework_id',
    )
    expect(error(call, '{"reconcile":{"tasks":[{"task_id":{"value":"t"}},{"task_id":{}}]}}')).toBe(
      'Missing required fields: reconcile.tasks[1].task_id.value',
    )
    expect(message('mesos.v1.TaskID', '{"value":""}')).toEqual({ value: '' })
  })

  test.each([
    ['[1]', 'Expecting a JSON object, not an array'],
    ['"x"', 'Expecting a JSON object, not a string'],
    ['null', 'Expecting a JSON object, not null'],
    ['9007199254740993', 'Expecting a JSON object, not a number'],
    ['', 'The body is not JSON: '],
    ['{"type":"KILL"} x', 'The body is not JSON: '],
    ['{"type":"KILL"', 'The body is not JSON: '],
    ["{'type':1}", 'The body is not JSON: '],
  ])('the body %j is refused', (json, sentence) => {
    expect(error(call, json)).toContain(sentence)
  })

  test('what is no UTF-8 is refused, a byte order mark is not', () => {
    expect(decodeMessage(call, 'application/json', Buffer.from('{"type":"\xff"}', 'latin1'))).toEqual({
      ok: false,
      error: 'The body is not valid UTF-8',
    })
    expect(message(call, '\ufeff{"type":"KILL"}')).toEqual({ type: 'KILL' })
  })

  test('A11: odd JSON does no harm', () => {
    const poisoned = message(
      call,
      '{"__proto__":{"type":"TEARDOWN"},"constructor":{},"type":"KILL","type":"SUPPRESS"}',
    )
    expect(poisoned).toEqual({ type: 'SUPPRESS' })
    expect(Object.getPrototypeOf(poisoned)).toBe(Object.prototype)
    const json = '{"role":"a","limits":{"__proto__":{"value":1}}}'
    expect(error('mesos.v1.quota.QuotaConfig', json)).toBe(
      "Field 'limits.__proto__' has a key that is not allowed",
    )
    expect(message('mesos.v1.TaskID', '{"value":"\\ud800x"}')).toEqual({ value: '\ufffdx' })
  })

  test('A11: sizes and depths are bounded', () => {
    const body = Buffer.from('{"type":"KILL"}')
    expect(decodeMessage(call, 'application/json', body, { maxBytes: 14 })).toEqual({
      ok: false,
      error: 'The body has 15 bytes, more than the 14 allowed',
    })
    const nested = (levels: number) =>
      `${'{"value":"c","parent":'.repeat(levels)}{"value":"c"}${'}'.repeat(levels)}`
    expect(read('mesos.v1.ContainerID', nested(63)).ok).toBe(true)
    expect(error('mesos.v1.ContainerID', nested(64))).toBe('Messages are nested more than 64 deep')
    const unknown = `{"x":${'['.repeat(200_000)}${']'.repeat(200_000)}}`
    expect(read(call, unknown).ok).toBe(true)
    expect(error(call, unknown.replace('[]', '[1234567890123456789]'))).toBe('The body is nested too deeply')
  })

  test('A10: what is quoted back is bounded', () => {
    expect(error('mesos.v1.Filters', `{"refuse_seconds":"${'x'.repeat(1000)}"}`).length).toBeLessThan(200)
    const tasks = JSON.stringify(new Array(100).fill({}))
    expect(error(call, `{"reconcile":{"tasks":${tasks}}}`)).toMatch(/tasks\[19\]\.task_id and 80 more$/)
  })

  test('values that are parsed already are read alike', () => {
    expect(decodeJsonValue('mesos.v1.TaskID', { value: 't', x: 1 })).toEqual({
      ok: true,
      message: { value: 't' },
    })
    expect(decodeJsonValue('mesos.v1.TaskID', 't')).toMatchObject({ ok: false })
  })
})

describe('writing', () => {
  test('C20 declared defaults are written, deprecated ones only if set', () => {
    expect(jsonText('mesos.v1.FrameworkInfo', { user: 'u', name: 'n' })).toBe(
      '{"user":"u","name":"n","failover_timeout":0.0,"checkpoint":false}',
    )
    expect(jsonText('mesos.v1.FrameworkInfo', { user: 'u', name: 'n', role: '*' })).toContain('"role":"*"')
    expect(
      jsonText('mesos.v1.CommandInfo', { environment: { variables: [{ name: 'A', value: '1' }] } }),
    ).toBe('{"environment":{"variables":[{"name":"A","value":"1","type":"VALUE"}]},"shell":true}')
    expect(jsonText('mesos.v1.ContainerInfo', { type: 'DOCKER', docker: { image: 'i' } })).toBe(
      '{"type":"DOCKER","docker":{"image":"i","network":"HOST","privileged":false}}',
    )
    expect(jsonText('mesos.v1.HealthCheck', {})).toBe(
      '{"delay_seconds":15.0,"interval_seconds":10.0,"timeout_seconds":20.0,"consecutive_failures":3,"grace_period_seconds":10.0}',
    )
    expect(jsonText('mesos.v1.CSIPluginInfo', { type: 't' })).toBe('{"type":"t","name":"default"}')
    expect(jsonText('mesos.v1.AgentInfo', { hostname: 'h' })).toBe('{"hostname":"h","port":5051}')
    expect(jsonText('mesos.v1.scheduler.Call', {})).toBe('{}')
  })

  test.each([
    [15, '15.0'],
    [0, '0.0'],
    [-0, '-0.0'],
    [0.1, '0.1'],
    [1e21, '1e+21'],
    [2 ** 60, '1152921504606847000.0'],
    [Number.POSITIVE_INFINITY, '"Infinity"'],
    [Number.NEGATIVE_INFINITY, '"-Infinity"'],
  ])('the double %d is written as %s', (value, text) => {
    expect(jsonText('mesos.v1.Value.Scalar', { value })).toBe(`{"value":${text}}`)
  })

  test('C18 64-bit integers are written in full, without quotes', () => {
    expect(jsonText('mesos.v1.TimeInfo', { nanoseconds: 1700000000123456789n })).toBe(
      '{"nanoseconds":1700000000123456789}',
    )
    expect(jsonText('mesos.v1.Value.Range', { begin: 31000, end: 32000 })).toBe('{"begin":31000,"end":32000}')
  })

  test('C11 text beyond ASCII is escaped, so that bytes and characters are equally many', () => {
    const bytes = encodeMessage('mesos.v1.Label', 'application/json', { key: 'grüße\u2028', value: '😀\n"' })
    expect(bytes.toString('latin1')).toBe('{"key":"gr\\u00fc\\u00dfe\\u2028","value":"\\ud83d\\ude00\\n\\""}')
    expect(JSON.parse(bytes.toString())).toEqual({ key: 'grüße\u2028', value: '😀\n"' })
  })

  test('C12 there is no raw newline in the JSON', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        expect(jsonText('mesos.v1.TaskID', { value })).not.toMatch(/[\n\r]/)
      }),
    )
  })

  test('C21 empty lists are omitted, unless the operator API asks for those that are there', () => {
    const tasks = { tasks: [], completed_tasks: [] }
    expect(jsonText('mesos.v1.master.Response.GetTasks', tasks)).toBe('{}')
    expect(jsonText('mesos.v1.master.Response.GetTasks', tasks, { emptyLists: true })).toBe(
      '{"tasks":[],"completed_tasks":[]}',
    )
    expect(jsonText('mesos.v1.quota.QuotaConfig', { role: 'a', limits: {} })).toBe('{"role":"a"}')
  })

  test('a missing required field is a bug and throws', () => {
    // @ts-expect-error `value` is required
    expect(() => jsonText('mesos.v1.TaskID', {})).toThrow(
      "Required field 'value' of mesos.v1.TaskID is absent",
    )
  })
})

test.each([
  'mesos.v1.scheduler.Call',
  'mesos.v1.scheduler.Event',
  'mesos.v1.executor.Event',
  'mesos.v1.master.Response',
  'mesos.v1.agent.Call',
] as const)('what is written of %s reads as the same, but for the defaults that appear', (typeName) => {
  fc.assert(
    fc.property(arbitraryMessage(typeName, 5), (given) => {
      // The generator follows the descriptor of the type.
      const text = jsonText(typeName, given as MessageTypes[typeof typeName])
      const decoded = message(typeName, text)
      expect(decoded).toMatchObject(given)
      expect(jsonText(typeName, decoded)).toBe(text)
    }),
    { numRuns: 50 },
  )
})
