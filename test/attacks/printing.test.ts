// Names that would steer a terminal, a page or a log: what people and browsers are shown of them.
import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asJson, harmless, table } from '../../cli/printing.ts'
import { type LocalServer, listen } from '../../functions/http/local-server.ts'
import { jsonLog } from '../../functions/ports/log.ts'
import { systemClock } from '../../protocol/clock.ts'
import { beginMeseta } from '../cli/cluster.ts'
import { basic, type Ground, ground } from './ground.ts'

const EVIL = [
  '\u001b[2J\u001b]0;owned\u0007',
  '\u009b31m',
  '\u202egnp.exe',
  '\u2066\u2069',
  '\u{e0041}',
  '\u2028',
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  '=1+1|cmd',
  '\r\nset-cookie: a=b',
  '\u0000\b\u007f',
]
const NAME = EVIL.join('')

/** Whatever moves a cursor, changes a colour or turns the reading direction. */
const STEERING = /[\p{Cc}\p{Cf}\u2028\u2029]/u
const withoutLines = (text: string) => text.replaceAll('\n', '')

let on: Ground
let server: LocalServer
beforeAll(async () => {
  on = await ground()
  const alice = await on.subscribed('alice', { name: NAME, hostname: NAME, webui_url: 'javascript:alert(1)' })
  const machine = await on.w.agent({ hostname: NAME })
  // Ids take no control characters; what is left of the list they do.
  const taskId = `t\u009b31m\u202e<b>=1+1`
  await machine.launch(await alice.framework(), [taskId])
  const report = machine.report(taskId, 'TASK_RUNNING')
  await machine.updates([{ ...report, status: { ...report.status, message: NAME } }])
  server = await listen({
    handler: on.front,
    host: '127.0.0.1',
    port: 0,
    env: { ...on.w.env, clock: systemClock },
  })
})
afterAll(() => server.close())

describe('A20: on a terminal', () => {
  test('nothing that steers it gets through, and everything is still to be seen', () => {
    for (const text of [...EVIL, NAME]) expect(harmless(text)).not.toMatch(STEERING)
    expect(harmless('\u001b\u202e\u{e0041}')).toBe('\\u001b\\u202e\\u{e0041}')
    expect(harmless('grüße, 日本語')).toBe('grüße, 日本語')
    const drawn = stripVTControlCharacters(table(['A'], [[harmless(NAME)]]))
    expect(withoutLines(drawn)).not.toMatch(STEERING)
  })

  test('JSON as well: escaped, and the same when it is read', () => {
    const data = { name: NAME, [NAME]: [NAME] }
    for (const indent of [undefined, 2]) {
      const text = asJson(data, indent)
      expect(withoutLines(text)).not.toMatch(STEERING)
      expect(JSON.parse(text)).toEqual(data)
    }
  })

  test.each([
    'agents',
    'agents --json',
    'frameworks',
    'frameworks --json',
    'tasks',
    'tasks --json',
    'task inspect t',
    'task inspect t --json',
    'task kill t',
    'task logs t',
    `framework teardown ${EVIL[0]}`,
  ])('meseta %j', async (command) => {
    const args = command.split(' ')
    const one = beginMeseta(args, {
      MESETA_MASTER: `http://127.0.0.1:${server.port}`,
      MESETA_PRINCIPAL: 'alice',
      MESETA_SECRET: 'a-secret',
      NO_COLOR: '1',
    })
    await one.exited
    const said = one.stdout() + one.stderr()
    expect(said.length).toBeGreaterThan(0)
    expect(withoutLines(said)).not.toMatch(STEERING)
  })
})

describe('A20: in a browser', () => {
  const GETS = [
    '/state',
    '/state.json',
    '/state-summary',
    '/tasks',
    '/frameworks',
    '/slaves',
    '/roles',
    '/metrics/snapshot',
    '/flags',
    '/nowhere/<script>alert(1)</script>',
    '/files/read?path=<script>',
    '/state?jsonp=<script>',
    '/state?jsonp=a%0d%0aset-cookie:a=b',
  ]

  test.each(GETS)('%s is no page: its type is said and kept, and no header is broken', async (path) => {
    const answer = await on.ask(path, '', basic('alice'), { method: 'GET' })
    expect(answer.headers['content-type']).toMatch(/^(application\/json|text\/plain; charset=utf-8)$/)
    expect(answer.headers['x-content-type-options']).toBe('nosniff')
    for (const value of Object.values(answer.headers)) expect(value).not.toMatch(/[\r\n]/)
    expect(withoutLines(answer.text)).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u)
  })

  test('a script for `jsonp` holds data, and no way out of its text', async () => {
    const { text, headers } = await on.ask('/state?jsonp=show', '', basic('alice'), { method: 'GET' })
    expect(headers).toMatchObject({ 'content-type': 'text/javascript', 'x-content-type-options': 'nosniff' })
    expect(text).toMatch(/^show\(.*\);$/s)
    expect(text).not.toContain('</script>')
    expect(JSON.parse(text.slice('show('.length, -2)).frameworks[0].name).toBe(NAME)
  })

  test('events and answers of the APIs are ASCII', async () => {
    const answer = await on.ask('/api/v1', { type: 'GET_STATE' }, basic('alice'))
    expect(withoutLines(answer.text)).not.toMatch(/[^\x20-\x7e]/)
  })
})

test('A20: a log line is one line, whatever is in it', () => {
  const lines: string[] = []
  const log = jsonLog({ destination: { write: (line) => void lines.push(line) } })
  log.warn('said', { name: `x\n{"level":"error","event":"forged"}\n${NAME}` })
  expect(lines).toHaveLength(1)
  expect(lines[0]?.trimEnd()).not.toContain('\n')
  expect(lines[0]).not.toContain('\u001b')
})
