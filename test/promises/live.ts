// What runs of the real thing prove: for each promise the live scenarios (test/live/, and `chaos`) that show it.

export const LIVE: Readonly<Record<string, readonly string[]>> = {
  F8: ['chaos'],
  F27: ['agent-restart', 'chaos'],
  F30: ['agent-restart'],
  F36: ['chaos'],
  F38: ['drain-restarts'],
  F47: ['framework-failover'],
  F48: ['framework-failover'],
  F49: ['framework-failover'],
  F50: ['framework-failover'],
  F51: ['framework-failover'],
  F53: ['framework-failover'],
  F61: ['chaos'],
  F62: ['control-plane-restart', 'chaos'],
  F66: ['control-plane-restart', 'chaos'],
  F67: ['chaos'],
  F81: ['drain-restarts'],
}
