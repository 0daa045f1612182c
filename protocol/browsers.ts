// Keeps pages of other sites in a browser on this machine from what listens on its loopback, and asks nobody or speaks
// with its owner's rights.

const OWN_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i

/** By lower-case name; what came more than once may be a list. */
type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

/**
 * True for a request of a browser that was made by a page of another site, or by a name that only points here (DNS
 * rebinding). Programs send none of what browsers send, and are free.
 * @param options.takesOtherPorts pages that another port of this machine serves count as our own
 */
export function isForeign(headers: Headers, { takesOtherPorts = false } = {}): boolean {
  const { origin, host = '', 'sec-fetch-site': site, 'user-agent': agent } = headers
  const isBrowser = origin !== undefined || site !== undefined || /^Mozilla\//.test(String(agent))
  if (!isBrowser) return false
  if (!OWN_HOST.test(String(host))) return true
  if (origin !== undefined) {
    return takesOtherPorts
      ? !OWN_HOST.test(String(origin).replace(/^http:\/\//, ''))
      : origin !== `http://${host}`
  }
  // Browsers of before 2023 do not say which site asks.
  if (site === undefined || site === 'same-origin' || site === 'none') return false
  return !(takesOtherPorts && site === 'same-site')
}
