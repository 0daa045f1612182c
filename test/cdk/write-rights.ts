// `npm run rights`: prints the rights of every role of the stack; `-- --write` puts them into docs/security.md.
import { rightsTable, writeRights } from './rights-table.ts'
import { templateOf, WITH_AGENTS } from './stubs.ts'

const table = rightsTable(templateOf(WITH_AGENTS))
if (process.argv.includes('--write')) writeRights(table)
else console.log(table)
