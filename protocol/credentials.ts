// Who somebody is to a cluster, as HTTP Basic says it, and to which addresses a secret may go.

/** The value of the `Authorization` header. */
export function basicHeader({
  principal,
  secret,
}: {
  readonly principal: string
  readonly secret: string
}): string {
  return `Basic ${Buffer.from(`${principal}:${secret}`).toString('base64')}`
}

/**
 * Why a secret must not be sent to this URL, as a sentence that says what to do instead; undefined: it may. Whoever is
 * on the way reads plain http; only this machine's own addresses have nobody on the way.
 */
export function clearTextError(url: string | URL): string | undefined {
  const { protocol, hostname, port } = new URL(url)
  if (protocol === 'https:' || isLoopback(hostname)) return undefined
  const there = port === '' ? '80' : port
  return `the secret would go to ${hostname} in the clear; use its https address, or a tunnel: ssh -L 5050:127.0.0.1:${there} ${hostname}, and then http://127.0.0.1:5050`
}

/** True for this machine's own names, as a URL's `hostname` has them. */
export function isLoopback(hostname: string): boolean {
  return /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i.test(hostname)
}
