// Preloaded by a test: pretends to be an old Node.
Object.defineProperty(process.versions, 'node', { value: '18.20.4' })
Object.defineProperty(process, 'version', { value: 'v18.20.4' })
