// The bundled agent as a process before a control plane on TLS: its calls carry the role of its machine, from metadata.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bundleAgent } from '../../functions/lambda/bundle.ts'
import { until } from './agent-process.ts'
import { FakeMetadata } from './metadata-fake.ts'

const canCertify = spawnSync('openssl', ['version']).status === 0
if (!canCertify) console.log('skipped: signed calls of a process: there is no openssl for a certificate')

const CREDENTIALS = {
  Code: 'Success',
  Type: 'AWS-HMAC',
  AccessKeyId: 'ASIAEXAMPLE',
  SecretAccessKey: 'secret',
  Token: 'the session of i-0123456789abcdef0',
  Expiration: '2999-01-01T00:00:00Z',
}

test.skipIf(!canCertify)('A6 R16 it signs with what metadata gives it, in its own region', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'meseta-signed-'))
  const metadata = await new FakeMetadata().serve()
  metadata.values.set('iam/security-credentials/', 'agents')
  metadata.values.set('iam/security-credentials/agents', JSON.stringify(CREDENTIALS))
  const { key, cert } = certificate(folder)
  const heard: IncomingHttpHeaders[] = []
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
    heard.push(request.headers)
    request.resume().on('end', () => response.end('{"kind":"not-yet","retryAfterMs":60000}'))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  await bundleAgent(folder)
  const url = `https://localhost:${(server.address() as AddressInfo).port}/prod`
  const flags = ['--master', url, '--work-dir', join(folder, 'work'), '--port', '0']
  const agent = spawn(
    process.execPath,
    [join(folder, 'agent', 'main.mjs'), ...flags, '--instance-metadata', 'require'],
    {
      // Nothing of this machine's own credentials.
      env: {
        PATH: process.env.PATH,
        AWS_REGION: 'eu-west-1',
        AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.url,
        AWS_CONFIG_FILE: '/nowhere',
        AWS_SHARED_CREDENTIALS_FILE: '/nowhere',
        NODE_EXTRA_CA_CERTS: cert,
      },
      stdio: 'ignore',
    },
  )
  try {
    await until(() => heard.length > 0, 25_000)
    expect(heard[0]?.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE\/\d{8}\/eu-west-1\/execute-api\/aws4_request, SignedHeaders=.*host/,
    )
    expect(heard[0]?.['x-amz-security-token']).toBe(CREDENTIALS.Token)
  } finally {
    agent.kill('SIGKILL')
    server.closeAllConnections()
    server.close()
    metadata.close()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
})

/** For localhost, by itself. */
function certificate(folder: string): { readonly key: string; readonly cert: string } {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  execFileSync('openssl', ['req', '-x509', ...made, ...name, '-keyout', key, '-out', cert], {
    stdio: 'ignore',
  })
  return { key, cert }
}
