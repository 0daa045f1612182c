// The deployed cluster is found by the name of its stack, and used without a connector of one's own.
import { execFile } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findCluster } from '../../connect/find/find-cluster.ts'
import { ROOT } from '../vitest.ts'
import { STACK, timed, variablesOfPrincipal } from './cloud.ts'
import type { Part } from './run.ts'

const WITHIN_MS = 120_000

export const find: Part = async (cloud, _connector, { check }) => {
  // Nothing is written down here, and nothing remembered.
  const home = mkdtempSync(join(cloud.folder, 'home-'))
  const env = {
    ...process.env,
    ...variablesOfPrincipal,
    ...{ HOME: home, XDG_CACHE_HOME: join(home, 'cache'), AWS_REGION: cloud.place.region },
    ...{ AWS_ENDPOINT_URL: cloud.endpoint, NO_COLOR: '1', MESETA_STACK: STACK },
  }
  const found = await findCluster({ stack: STACK }, { environment: env, folder: home })
  check(found.how === 'asked' && found.url === cloud.url, `CloudFormation says where ${STACK} is`)
  check(
    (await findCluster({ stack: STACK }, { environment: env, folder: home })).how === 'remembered',
    'which is remembered',
  )

  const run = await timed(() => meseta('run', '--', 'echo hello; exit 3'))
  check(
    run.value.code === 3 && run.value.out === 'hello\n',
    `meseta run --stack, without a connector, prints and ends as its task does (${run.seconds} s; ${JSON.stringify(run.value)})`,
  )
  const agents = await meseta('agents', '--json')
  check(agents.code === 0 && JSON.parse(agents.out).length >= cloud.machines.length, 'agents are listed')
  const nobody = await meseta('--stack', 'Nobody', 'agents')
  check(nobody.code === 3 && /there is no stack Nobody in us-east-1/.test(nobody.err), nobody.err.trim())

  async function meseta(...args: readonly string[]) {
    const parts = [join(ROOT, 'bin', 'meseta.js'), ...args]
    const options = { cwd: home, env, timeout: WITHIN_MS }
    try {
      const { stdout, stderr } = await promisify(execFile)(process.execPath, parts, options)
      return { code: 0, out: stdout, err: stderr }
    } catch (error) {
      const {
        code = 1,
        stdout = '',
        stderr = '',
      } = error as { code?: number; stdout?: string; stderr?: string }
      return { code, out: stdout, err: stderr }
    }
  }
}
