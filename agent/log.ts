// The agent's log: one JSON line per event on standard output.

export interface Log {
  info(text: string, about?: Readonly<Record<string, unknown>>): void
  warn(text: string, about?: Readonly<Record<string, unknown>>): void
  error(text: string, about?: Readonly<Record<string, unknown>>): void
}

/** @param write takes one line without its newline */
export function jsonLog(now: () => number, write: (line: string) => void): Log {
  const at = (level: string) => (text: string, about?: Readonly<Record<string, unknown>>) =>
    write(JSON.stringify({ time: new Date(now()).toISOString(), level, text, ...about }))
  return { info: at('info'), warn: at('warn'), error: at('error') }
}
