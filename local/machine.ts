// The death of one agent's machine, as far as one host can show it: the agent, its shims and all its tasks at once.
import { readdirSync, readFileSync } from 'node:fs'

/**
 * Kills every process that belongs to the agent with this work directory: the agent itself, its shims, whoever has
 * it in a variable of ours, and all their descendants. Nothing gets a chance to say goodbye. Gives their number.
 */
export function killMachine(workDir: string): number {
  const stopped = new Set<number>()
  // Stopped first, and looked at again until nothing new appears: a process that forks away is caught by its parent.
  for (let found = belonging(workDir); ; found = belonging(workDir)) {
    const fresh = found.filter((pid) => !stopped.has(pid))
    if (fresh.length === 0) break
    for (const pid of fresh) {
      stopped.add(pid)
      send(pid, 'SIGSTOP')
    }
  }
  for (const pid of stopped) send(pid, 'SIGKILL')
  return stopped.size
}

function belonging(workDir: string): number[] {
  const parents = new Map<number, number>()
  const own = new Set<number>()
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry)
    if (!Number.isInteger(pid) || pid === process.pid) continue
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      if (fields[0] === 'Z') continue
      parents.set(pid, Number(fields[1]))
      if (mentions(pid, workDir)) own.add(pid)
    } catch {
      // It ended while we looked.
    }
  }
  for (let grown = true; grown; ) {
    grown = false
    for (const [pid, parent] of parents) {
      if (own.has(parent) && !own.has(pid)) {
        own.add(pid)
        grown = true
      }
    }
  }
  return [...own]
}

/**
 * Only programs of ours are known by their command line, and only variables of ours count: a person who looks at the
 * folder with `tail`, or whose shell stands in it, is no part of the machine.
 */
function mentions(pid: number, workDir: string): boolean {
  const isWithin = (path: string) => path === workDir || path.startsWith(`${workDir}/`)
  const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  if (isWithin(argv[0] ?? '') || (argv.some(isOurProgram) && argv.some(isWithin))) return true
  return readFileSync(`/proc/${pid}/environ`, 'utf8')
    .split('\0')
    .some((variable) => /^MES(OS|ETA)_/.test(variable) && isWithin(variable.slice(variable.indexOf('=') + 1)))
}

function isOurProgram(argument: string): boolean {
  return (
    argument === 'agent/main.ts' ||
    argument.includes('agent/containerizer/') ||
    argument.endsWith('/dynoxide')
  )
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended by itself.
  }
}
