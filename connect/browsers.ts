// Keeps pages in a browser on this machine from using the connector, which speaks with its owner's rights.
import type { IncomingHttpHeaders } from 'node:http'

const OWN_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i

/**
 * True for a request of a browser that was made by a page of another site, or by a name that only points here (DNS
 * rebinding). Programs send none of these headers and are free.
 */
export function isForeign({ origin, host = '', 'sec-fetch-site': site }: IncomingHttpHeaders): boolean {
  const isBrowser = origin !== undefined || site !== undefined
  if (!isBrowser) return false
  if (!OWN_HOST.test(host)) return true
  if (origin !== undefined) return origin !== `http://${host}`
  return site !== 'same-origin' && site !== 'none'
}
