// `meseta run` behind a gateway that hands out whole answers only, under a stage, as API Gateway's buffered ones.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isBehindGateway } from '../../cli/gateway.ts'
import { type CliCluster, startCliCluster } from './cluster.ts'

let cluster: CliCluster
let gateway: Server
let url = ''
const seen: string[] = []
beforeAll(async () => {
  cluster = await startCliCluster(1)
  gateway = createServer(async (request, response) => {
    const path = (request.url ?? '').replace(/^\/prod/, '')
    seen.push(path)
    const { host: _, connection: __, 'content-length': ___, ...headers } = request.headers
    const answer = await fetch(`${cluster.url}${path}`, {
      method: request.method ?? 'GET',
      headers: headers as Record<string, string>,
      ...(request.method === 'POST' ? { body: await buffer(request) } : {}),
    })
    const whole = Buffer.from(await answer.arrayBuffer())
    response.writeHead(answer.status, {
      ...Object.fromEntries([...answer.headers].filter(([name]) => !/^(transfer|content)-e/.test(name))),
      'content-length': whole.length,
    })
    response.end(whole)
  })
  await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}/prod`
})
afterAll(async () => {
  gateway.closeAllConnections()
  gateway.close()
  await cluster.stop()
})

test('it polls: output, exit code, and nothing of it is left', async () => {
  const said = await cluster.meseta(['--master', url, 'run', '--', 'echo hello; exit 3'])
  expect(said).toEqual({ code: 3, out: 'hello\n', err: '' })
  expect(seen).toContain('/api/v1/meseta')
  const { out } = await cluster.meseta(['--master', url, 'frameworks', '--json'])
  expect(JSON.parse(out)).toEqual([])
})

test('who is known to have no gateway in front is spoken to as ever', () => {
  expect(isBehindGateway('http://127.0.0.1:5050')).toBe(false)
  expect(isBehindGateway('http://master.example:5050')).toBe(false)
  expect(isBehindGateway('https://abc.execute-api.eu-west-1.amazonaws.com/prod')).toBe(true)
  expect(isBehindGateway('https://mesos.example')).toBe(true)
  expect(isBehindGateway('http://127.0.0.1:4566/_aws/execute-api/abc/prod')).toBe(true)
})

test('--stack: a cluster that was deployed from here; its errors are sentences with their exit codes', async () => {
  const env = { MESETA_MASTER: undefined, HOME: cluster.data, AWS_ENDPOINT_URL: 'http://127.0.0.1:1' }
  const meseta = (...args: string[]) => cluster.meseta(args, env)
  const nobody = await meseta('--stack', 'Nowhere', 'agents')
  expect(nobody).toMatchObject({ code: 5, err: expect.stringContaining('CloudFormation does not answer at') })
  const both = await meseta('--stack', 'One', '--master', url, 'agents')
  expect(both).toMatchObject({
    code: 2,
    err: 'error: --master and --stack both say which cluster; give one\n',
  })
  const alone = await meseta('--region', 'eu-west-1', 'agents')
  expect(alone).toMatchObject({ code: 2, err: expect.stringContaining('give --stack NAME too') })
  const connector = await meseta('--stack', 'Nowhere', 'connect')
  expect(connector).toMatchObject({
    code: 5,
    err: expect.stringContaining('CloudFormation does not answer at'),
  })
}, 60_000)
