// One agent per work directory: the lock names the process, so that a killed agent locks nobody out.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { bootId, type Identity, isAlive, readStat } from './containerizer/process-table.ts'
import { refusalOf } from './disk.ts'

interface Holder extends Identity {
  readonly bootId: string
}

/** Takes the directory, or throws one sentence that says who has it. Returns how to give it back. */
export function lockWorkDir(workDir: string): () => void {
  mkdirSync(join(workDir, 'meta'), { recursive: true, mode: 0o700 })
  const file = join(workDir, 'meta', 'lock')
  const self = readStat(process.pid)
  const holder: Holder = { pid: process.pid, startTime: self?.startTime ?? 0, bootId: bootId() }
  for (let tries = 0; tries < 3; tries++) {
    try {
      writeFileSync(file, JSON.stringify(holder), { flag: 'wx' })
      return () => rmSync(file, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw refusalOf(file, error)
    }
    const other = readHolder(file)
    if (other !== undefined && other.bootId === holder.bootId && isAlive(other)) {
      throw new Error(
        `Another agent (process ${other.pid}) works in ${resolve(workDir)}; stop it, or give another --work-dir`,
      )
    }
    rmSync(file, { force: true })
  }
  throw new Error(`The lock ${file} is taken again and again; start only one agent there`)
}

function readHolder(file: string): Holder | undefined {
  try {
    // Written by this very function.
    return JSON.parse(readFileSync(file, 'utf8')) as Holder
  } catch {
    return undefined
  }
}
