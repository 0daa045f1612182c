// Fresh ids: the one place where randomness is read.
import { randomBytes, randomUUID } from 'node:crypto'
import type { Ids } from '../environment.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const LENGTH = 22
/** Bytes from here on would make the first letters of the alphabet more likely than the others. */
const FAIR = 256 - (256 % ALPHABET.length)

export const randomIds: Ids = {
  random() {
    let id = ''
    while (id.length < LENGTH) {
      for (const byte of randomBytes(2 * LENGTH)) {
        if (byte < FAIR && id.length < LENGTH) id += ALPHABET[byte % ALPHABET.length]
      }
    }
    return id
  },
  uuid: () => randomUUID(),
}
