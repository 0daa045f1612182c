// Until sandboxes can be read over HTTP, every file endpoint says so.
import { text } from './http.ts'
import type { ApiFiles } from './routes.ts'

const answer = () => text(501, 'This agent does not show files yet')

export const noFiles: ApiFiles = {
  list: async () => answer(),
  read: async () => answer(),
  download: async () => answer(),
  debug: () => ({}),
}
