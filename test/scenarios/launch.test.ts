// The walk of docs/launch.md, played against a whole cluster: launch.txt is the transcript.
//
// MESETA_REWRITE=1 writes down what was seen instead of comparing; read the difference before you commit it.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { play } from './play.ts'

test('one launch, out and back, is as it is written', async () => {
  const file = fileURLToPath(new URL('launch.txt', import.meta.url))
  const text = readFileSync(file, 'utf8')
  const played = await play(text)
  if (process.env.MESETA_REWRITE === undefined) expect(played).toBe(text)
  else writeFileSync(file, played)
})
