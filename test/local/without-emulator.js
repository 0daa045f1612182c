// Preloaded by a test: the emulator's package is not there.
import Module from 'node:module'

const resolve = Module._resolveFilename
Module._resolveFilename = function (name, ...rest) {
  if (name.startsWith('@dynoxide/')) throw Object.assign(new Error('not found'), { code: 'MODULE_NOT_FOUND' })
  return resolve.call(this, name, ...rest)
}
