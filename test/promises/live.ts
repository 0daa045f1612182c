// What runs of the real thing prove: for each promise the live scenarios (test/live/, and `chaos`) that show it.

export const LIVE: Readonly<Record<string, readonly string[]>> = {
  F27: ['agent-restart'],
  F30: ['agent-restart'],
  F49: ['control-plane-restart'],
  F62: ['control-plane-restart'],
  F66: ['control-plane-restart'],
}
