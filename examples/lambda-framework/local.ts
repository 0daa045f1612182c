// `npm run example:lambda`: tries the function on this machine, beside a cluster started by `npm start`.
import { parseArgs } from 'node:util'
import { host } from './host.ts'

const { values } = parseArgs({
  options: {
    url: { type: 'string', default: 'http://127.0.0.1:5050' },
    tasks: { type: 'string', default: '3' },
    command: { type: 'string', default: 'sleep 3600' },
  },
})
await host({ url: values.url, tasks: Number(values.tasks), command: values.command })
console.log(`subscribed at ${values.url}; keeps ${values.tasks} tasks running, until Ctrl-C`)
