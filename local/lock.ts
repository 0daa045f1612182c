// One control plane per data folder: a pid file that names the very process, not only its number.
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { alive, identityOf, type ProcessIdentity } from './process-identity.ts'

/** The folder is in use by another control plane. */
export class InUse extends Error {}

/** Takes the folder for this process; the returned function gives it back. Throws `InUse` with a sentence. */
export function lock(dataDir: string): () => void {
  const file = join(dataDir, 'control-plane.pid.json')
  for (let tries = 0; tries < 5; tries++) {
    try {
      const handle = openSync(file, 'wx')
      writeSync(handle, JSON.stringify(identityOf(process.pid)))
      closeSync(handle)
      return () => rmSync(file, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const holder = read(file)
    if (holder !== undefined && alive(holder)) {
      throw new InUse(
        `${dataDir} is in use by a control plane that runs already (pid ${holder.pid}); stop it, or give another folder with --data`,
      )
    }
    rmSync(file, { force: true })
  }
  throw new InUse(`${dataDir} could not be taken; another start may be going on`)
}

/** Whether a control plane that runs holds the folder; undefined when nobody ever locked it. */
export function isHeld(dataDir: string): boolean | undefined {
  const holder = read(join(dataDir, 'control-plane.pid.json'))
  return holder === undefined ? undefined : alive(holder)
}

function read(file: string): ProcessIdentity | undefined {
  if (!existsSync(file)) return undefined
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity
  } catch {
    return undefined
  }
}
