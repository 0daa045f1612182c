// What the machine has, less what it needs itself, by Mesos's rules.
import { statfsSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import type { Resource } from '../protocol/messages.ts'

const MB = 1024 * 1024
const GB_IN_MB = 1024

/** Adds cpus, mem, disk (MB) and ports where they are not given. */
export function withDetected(given: readonly Resource[], workDir: string): Resource[] {
  const has = (name: string) => given.some((resource) => resource.name === name)
  const scalar = (name: string, value: number): Resource => ({ name, type: 'SCALAR', scalar: { value } })
  const ports: Resource = {
    name: 'ports',
    type: 'RANGES',
    ranges: { range: [{ begin: 31_000, end: 32_000 }] },
  }
  return [
    ...given,
    ...(has('cpus') ? [] : [scalar('cpus', availableParallelism())]),
    ...(has('mem') ? [] : [scalar('mem', lessOwnNeed(Math.floor(totalmem() / MB), GB_IN_MB))]),
    ...(has('disk') ? [] : [scalar('disk', lessOwnNeed(diskMb(workDir), 5 * GB_IN_MB))]),
    ...(has('ports') ? [] : [ports]),
  ]
}

/** What is left of it is at least half. */
function lessOwnNeed(totalMb: number, needMb: number): number {
  return totalMb >= 2 * needMb ? totalMb - needMb : Math.floor(totalMb / 2)
}

function diskMb(path: string): number {
  const { bsize, blocks } = statfsSync(path)
  return Math.floor((bsize * blocks) / MB)
}
