// A port that stays the same from start to start: picked free the first time, written down beside the data.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { freePort } from './free-port.ts'

/** The port written in the file, or one that `choose` finds and that is written there now. */
export async function rememberedPort(
  file: string,
  choose: () => Promise<number> = freePort,
): Promise<number> {
  if (existsSync(file)) {
    const port = Number(readFileSync(file, 'utf8'))
    if (Number.isInteger(port) && port > 0 && port < 65_536) return port
  }
  const port = await choose()
  writeFileSync(file, String(port))
  return port
}
