// A cluster as it is deployed, on an emulator: MiniStack on loopback with its state kept, the stack by the CDK's command.
import { execFile } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { getJson, type Place, placeOf, variablesOf } from '../../cdk/commands/aws.ts'
import { leftovers, removeAgentQueues, removeLateLogs } from '../../cdk/commands/leftovers.ts'
import { lint } from '../../cdk/commands/lint.ts'
import { isEmulator, startMiniStack, stopMiniStack } from '../../cdk/commands/ministack.ts'
import { completeOutputs, type Outputs } from '../../cdk/commands/outputs.ts'
import { bundle } from '../../functions/lambda/bundle.ts'
import { freePort } from '../../local/free-port.ts'
import { Machine } from '../live/machines.ts'
import { ROOT } from '../vitest.ts'

export const STACK = 'Meseta'
export const PREFIX = 'meseta'
export const PRINCIPAL = 'cloud-test'
const SECRET = 'only for the emulator of this test'
const run = promisify(execFile)

/** What the emulator and its functions printed, kept of the last run. */
export const LOG = join(ROOT, 'node_modules', '.cache', 'test-cloud.log')

export interface Cloud {
  readonly endpoint: string
  readonly place: Place
  readonly outputs: Outputs
  /** Of the API, as agents and the connector reach it. */
  readonly url: string
  readonly folder: string
  /** The header of its one principal. */
  readonly authorization: string
  readonly machines: readonly Machine[]
  /** Anew from other bundles, or with other context. */
  deploy(...args: readonly string[]): Promise<void>
  /** The CDK's command on the emulator; gives what it printed. */
  cdk(...args: readonly string[]): Promise<string>
  /** What the emulator printed so far. */
  log(): string
  /** The number of the version that a function's alias leads to. */
  liveVersion(name: string): Promise<string>
  /** Ends the emulator as an operator does, who wants it to keep what it holds, and starts it again. */
  restartEmulator(): Promise<number>
  /** Gives what is left of the stack. */
  destroy(): Promise<readonly string[]>
  /** Everything goes, whether it was destroyed or not. */
  stop(): Promise<void>
}

/** Installs, starts, synthesizes, lints, bootstraps, deploys, lets one principal in, starts so many agents. */
export async function startCloud(agents: number, say: (sentence: string) => void): Promise<Cloud> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'meseta-cloud-')))
  const port = await freePort()
  const endpoint = `http://127.0.0.1:${port}`
  const place: Place = { ...placeOf(endpoint), region: 'us-east-1' }
  const ministack = { port, logFile: join(folder, 'ministack.log'), stateDir: join(folder, 'state') }
  const machines: Machine[] = []
  let pid = await startMiniStack(ministack)
  // A run that is killed leaves nobody behind.
  const atExit = () => {
    for (const machine of machines) machine.remove()
    end(pid)
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  process.once('exit', atExit)
  try {
    const made = await timed(() => bundle(join(folder, 'dist')))
    say(`${made.value.length} bundles made in ${made.seconds} s`)
    const synth = await timed(() => cdk('synth', '--quiet', ...context()))
    say(`synthesized in ${synth.seconds} s: ${countOf(join(folder, 'cdk.out'))}`)
    const problem = await lint(join(folder, 'cdk.out'))
    if (problem !== undefined) throw new Error(`cfn-lint: ${problem}`)
    say('cfn-lint has nothing to say')
    await cdk('bootstrap', 'aws://000000000000/us-east-1', ...context())
    const deployed = await timed(() => deploy())
    say(`bootstrapped and deployed, the latter in ${deployed.seconds} s`)
    const outputs = completeOutputs(STACK, endpoint, join(folder, 'outputs.json'))
    await letIn(outputs.SecretArn)
    for (let index = 0; index < agents; index++) {
      const machine = new Machine({ index, masterUrl: outputs.Url, port: await freePort(), dataDir: folder })
      machines.push(machine)
      machine.start()
    }
    await Promise.all(machines.map((machine) => machine.untilRegistered()))
    say(`${agents} agents are registered through API Gateway`)
    return {
      endpoint,
      place,
      outputs,
      url: outputs.Url,
      folder,
      authorization: `Basic ${Buffer.from(`${PRINCIPAL}:${SECRET}`).toString('base64')}`,
      machines,
      deploy,
      cdk,
      log: () => readFileSync(ministack.logFile, 'utf8'),
      liveVersion: (name) => liveVersion(place, name),
      async restartEmulator() {
        const { seconds } = await timed(async () => {
          await stopMiniStack(pid)
          pid = await startMiniStack(ministack)
        })
        return seconds
      },
      async destroy() {
        for (const machine of machines) machine.remove()
        await cdk('destroy', STACK, '--force', ...context())
        await removeAgentQueues(place, { stack: STACK, prefix: PREFIX })
        await removeLateLogs(place, { stack: STACK, prefix: PREFIX })
        return await leftovers(place, { stack: STACK, prefix: PREFIX })
      },
      stop,
    }
  } catch (error) {
    const log = readFileSync(ministack.logFile, 'utf8').split('\n').slice(-30).join('\n')
    console.log(log)
    await stop()
    throw error
  }

  function context(): readonly string[] {
    return [
      ...['-c', `emulator=${endpoint}`, '-c', 'keep=false', '-c', 'responses=buffered'],
      ...['-c', `bundlesDir=${join(folder, 'dist')}`],
    ]
  }

  async function deploy(...args: readonly string[]): Promise<void> {
    await cdk(
      ...['deploy', STACK, '--require-approval', 'never', '--outputs-file', join(folder, 'outputs.json')],
      ...context(),
      ...args,
    )
  }

  async function cdk(...args: readonly string[]): Promise<string> {
    const env = { ...process.env, ...variablesOf(place) }
    const options = { cwd: ROOT, env, maxBuffer: 64 * 1024 * 1024 }
    const out = args[0] === 'bootstrap' ? [] : ['-o', join(folder, 'cdk.out')]
    const { stdout, stderr } = await run(
      join(ROOT, 'node_modules', '.bin', 'cdk'),
      [...args, ...out],
      options,
    )
    return `${stdout}${stderr}`
  }

  /** By the command that people use, with the secret from its stdin. */
  async function letIn(secretArn: string): Promise<void> {
    const args = ['cdk/commands/credentials.ts', '--secret-id', secretArn, 'add', PRINCIPAL]
    const doing = run(process.execPath, [join(ROOT, 'bin', 'run.js'), ...args], { env: variablesOf(place) })
    doing.child.stdin?.end(SECRET)
    await doing
  }

  async function stop(): Promise<void> {
    process.off('exit', atExit)
    for (const machine of machines) machine.remove()
    copyFileSync(ministack.logFile, LOG)
    if (await isEmulator(endpoint)) await stopMiniStack(pid)
    end(pid)
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

export const variablesOfPrincipal = {
  MESETA_PRINCIPAL: PRINCIPAL,
  MESETA_SECRET: SECRET,
}

export async function timed<T>(
  what: () => Promise<T>,
): Promise<{ readonly value: T; readonly seconds: number }> {
  const begun = performance.now()
  const value = await what()
  return { value, seconds: Math.round((performance.now() - begun) / 100) / 10 }
}

async function liveVersion(place: Place, name: string): Promise<string> {
  const { Functions } = await getJson(place, 'lambda', '/2015-03-31/functions/?MaxItems=50')
  // The service's answer.
  const names = (Functions as readonly { readonly FunctionName: string }[]).map(
    ({ FunctionName }) => FunctionName,
  )
  const found = names.find((one) =>
    one.toLowerCase().includes(`functions${name.replaceAll('-', '')}function`),
  )
  const alias = await getJson(place, 'lambda', `/2015-03-31/functions/${found}/aliases/live`)
  return String(alias.FunctionVersion)
}

/** How many resources of which services. */
function countOf(out: string): string {
  const template = JSON.parse(readFileSync(join(out, `${STACK}.template.json`), 'utf8')) as {
    readonly Resources: Readonly<Record<string, { readonly Type: string }>>
  }
  const types = Object.values(template.Resources).map(({ Type }) => Type.split('::')[1] ?? Type)
  const services = [...Map.groupBy(types, (name) => name)].sort(([, a], [, b]) => b.length - a.length)
  return `${types.length} resources (${services.map(([name, { length }]) => `${length} ${name}`).join(', ')})`
}

/** With its workers, which are of its group. */
function end(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}
