// The promises and attacks that may be open, each with what it waits for; every other promise must be proven.

export interface Open {
  /** `part`: the rest of it must be proven; `whole`: nothing of it is there yet. */
  readonly extent: 'part' | 'whole'
  readonly waitsFor: string
}

export const MAY_BE_OPEN: Readonly<Record<string, Open>> = {
  F72: {
    extent: 'part',
    waitsFor: 'quota, weights, maintenance and reservations (draining and gone marks are proven)',
  },
  F77: { extent: 'part', waitsFor: 'weights (equal shares are proven)' },
  F78: { extent: 'whole', waitsFor: 'quota' },
  F79: { extent: 'whole', waitsFor: 'quota' },
  F80: { extent: 'whole', waitsFor: 'maintenance and inverse offers' },
  F82: { extent: 'part', waitsFor: 'a real Spot interruption in the cloud (its recorded events are proven)' },
  F88: { extent: 'part', waitsFor: 'cgroups, which see the limit (how it is told is proven)' },
  F90: { extent: 'part', waitsFor: 'images (files and users are proven)' },
  F92: { extent: 'whole', waitsFor: 'leases of tasks' },
  F93: { extent: 'whole', waitsFor: 'the built-in service scheduler' },
  F94: { extent: 'whole', waitsFor: 'the built-in service scheduler' },
  F95: { extent: 'whole', waitsFor: 'the built-in service scheduler' },
  A5: { extent: 'whole', waitsFor: 'volumes and reservations by frameworks (both are refused until then)' },
  A8: { extent: 'part', waitsFor: 'tokens of executors (what an executor says of others is refused)' },
  A19: { extent: 'whole', waitsFor: 'containers that can be given rights' },
  A21: {
    extent: 'part',
    waitsFor: 'a task on a real instance that tries (the rules that keep it out are tested)',
  },
  F96: { extent: 'whole', waitsFor: 'the built-in cron scheduler' },
}
