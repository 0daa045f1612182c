// The command line beside control planes of other releases, by answers as they were recorded (R35), and its JSON as golden.
//
// `recorded/<release>.json` holds what a control plane of that release answered, and what `--json` prints of it. Files
// of earlier releases stay; what programs read of our output may get new members, and loses none.
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { MESETA_VERSION } from '../../protocol/version.ts'
import { ROOT } from '../vitest.ts'
import { beginMeseta, type Said } from './cluster.ts'

interface Recorded {
  /** By method, path and type of the call. */
  readonly answers: Readonly<Record<string, unknown>>
  /** By command. */
  readonly prints: Readonly<Record<string, unknown>>
}

const FOLDER = join(ROOT, 'test', 'cli', 'recorded')
const RELEASES = readdirSync(FOLDER).map((name) => name.replace('.json', ''))

function recorded(release: string): Recorded {
  return JSON.parse(readFileSync(join(FOLDER, `${release}.json`), 'utf8')) as Recorded
}

let server: Server | undefined
let asked: (string | string[] | undefined)[] = []
afterEach(() => {
  server?.close()
  server?.closeAllConnections()
  asked = []
})

/** A control plane that says what was recorded; its address. */
async function serve(answers: Recorded['answers'], version?: string): Promise<string> {
  const made = createServer(async (request, response) => {
    asked.push(request.headers['meseta-version'])
    let body = ''
    for await (const chunk of request) body += chunk
    const type = body === '' ? '' : ` ${(JSON.parse(body) as { type: string }).type}`
    const answer = answers[`${request.method} ${request.url}${type}`]
    const headers = version === undefined ? {} : { 'meseta-version': version }
    const isStream = Array.isArray(answer)
    const records = isStream ? answer.map((one) => JSON.stringify(one)) : []
    const text = records.map((one) => `${Buffer.byteLength(one)}\n${one}`).join('')
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json', ...headers })
    response.end(isStream ? text : JSON.stringify(answer ?? 'nothing is recorded'))
  })
  server = made
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(made.address() as AddressInfo).port}`
}

async function meseta(url: string, command: string): Promise<Said> {
  const one = beginMeseta(command.split(' '), { MESETA_MASTER: url, MESETA_CONFIG: '/nowhere/config.json' })
  const { code } = await one.exited
  return { code, out: one.stdout(), err: one.stderr() }
}

/** Every object has a member that is not known today. */
function ofTomorrow(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ofTomorrow)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).map(([name, member]) => [name, ofTomorrow(member)] as const)
  return { ...Object.fromEntries(members), later: { a: [1] } }
}

describe.each(RELEASES)('R35: beside a control plane of release %s', (release) => {
  const { answers, prints } = recorded(release)

  test('every --json prints what it printed', async () => {
    const url = await serve(answers, release)
    for (const [command, printed] of Object.entries(prints)) {
      const { code, out, err } = await meseta(url, command)
      expect([command, code, err]).toEqual([command, 0, ''])
      expect(JSON.parse(out), command).toMatchObject(printed as object)
    }
    const events = await meseta(url, 'events --json')
    expect(
      events.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(answers['POST /api/v1 SUBSCRIBE'])
    expect(new Set(asked)).toEqual(new Set([MESETA_VERSION]))
  })

  test('what the next release adds changes no table, and is no reason for a word', async () => {
    const commands = ['agents', 'frameworks -a', 'tasks -a', 'task inspect sleeper', 'dead-letters list']
    const today = await serve(answers, release)
    const said = []
    for (const command of commands) said.push(await meseta(today, command))
    server?.close()
    const { 'POST /api/v1 SUBSCRIBE': _, ...rest } = answers
    const tomorrow = await serve(
      Object.fromEntries(Object.entries(rest).map(([name, answer]) => [name, ofTomorrow(answer)])),
      nextMinor(MESETA_VERSION),
    )
    for (const [index, command] of commands.entries()) {
      expect(ageless(await meseta(tomorrow, command))).toEqual(ageless(said[index]))
    }
  })
})

/** The columns of ages go on. */
function ageless(said: Said | undefined): Said | undefined {
  return said === undefined ? said : { ...said, out: said.out.replace(/\d+[smhd]$/gm, '') }
}

function nextMinor(version: string): string {
  const [major, minor] = version.split('.').map(Number)
  return `${major}.${(minor ?? 0) + 1}.0`
}

test('R35: a release further away is one warning on stderr, and the command does its work', async () => {
  const { answers } = recorded(RELEASES.at(-1) ?? '')
  const url = await serve(answers, '7.3.1')
  const { code, out, err } = await meseta(url, 'agents --json')
  expect(code).toBe(0)
  expect(JSON.parse(out)).toHaveLength(1)
  expect(err).toBe(
    `warning: What answers at ${url} is Meseta 7.3.1 and this is ${MESETA_VERSION}: only neighbouring minor releases ` +
      'are made to work together; upgrade this one, one minor release at a time\n',
  )
})

test('R35: what says no release is taken as it is', async () => {
  const { answers } = recorded(RELEASES.at(-1) ?? '')
  expect((await meseta(await serve(answers), 'agents --json')).err).toBe('')
})
