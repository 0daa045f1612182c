// What the file endpoints show: the sandboxes, under their real paths and under Mesos's virtual ones.
import { timeInfo } from '../../protocol/durations.ts'
import { Files, type IsDirectory, type NoFile } from '../files.ts'
import { agentsDirectory } from '../paths.ts'
import { type SandboxOf, sandboxPath } from '../sandboxes.ts'
import type { AgentState, ExecutorRecord, TaskRecord } from '../state.ts'
import type { ApiFiles } from './context.ts'
import { type HttpAnswer, text } from './http.ts'

/** @param workDir canonical, because no link is followed */
export function agentFiles(workDir: string, state: AgentState): ApiFiles {
  const files = new Files()
  const root = agentsDirectory(workDir)
  files.attach(root, root)
  return {
    async list(path) {
      const listed = await files.browse(realPath(path))
      if (listed.kind === 'not-directory') return text(404, `${path} is no directory`)
      if (listed.kind !== 'ok') return refusal(listed)
      return {
        files: listed.files.map((file) => ({
          path: shown(file.path, path),
          nlink: file.nlink,
          size: file.size,
          mtime: timeInfo(file.mtimeMs),
          mode: file.mode,
          uid: file.user,
          gid: file.group,
        })),
      }
    },
    async read(path, offset, length) {
      const read = await files.read(realPath(path), { offset, length })
      return read.kind === 'ok' ? { size: read.size, data: read.data } : refusal(read)
    },
    async download(path) {
      const file = await files.download(realPath(path))
      if (file.kind !== 'ok') return refusal(file)
      return {
        status: 200,
        headers: {
          'content-type': 'application/octet-stream',
          'content-disposition': `attachment; filename=${quoted(file.name)}`,
        },
        body: file.stream,
        length: file.size,
      }
    },
    debug: () => Object.fromEntries(files.attached()),
  }

  /** `/frameworks/F/executors/E/runs/latest/…` is the sandbox of the newest run, `…/tasks/T/…` that of one task. */
  function realPath(path: string): string {
    const virtual =
      /^\/?frameworks\/([^/]+)\/executors\/([^/]+)\/(?:runs\/latest|tasks\/([^/]+))(\/.*)?$/.exec(path)
    if (virtual === null) return path
    const [, frameworkId = '', executorId = '', taskId, rest = ''] = virtual
    const isIts = (one: ExecutorRecord | TaskRecord) =>
      one.frameworkId === frameworkId && one.executorId === executorId
    const tasks = [...state.completedTasks, ...state.tasks.values()].filter(isIts)
    const run =
      taskId === undefined
        ? ([...state.completedExecutors, ...state.executors.values()].findLast(isIts) ?? tasks.at(-1))
        : tasks.findLast((task) => task.taskId === taskId)
    if (run === undefined) return path
    const of: SandboxOf = { ...run, agentId: state.agentId ?? '' }
    return `${sandboxPath(workDir, of)}${rest}`
  }

  /** Entries are named below the path that was asked for. */
  function shown(real: string, asked: string): string {
    return `${asked.replace(/\/+$/, '')}/${real.slice(real.lastIndexOf('/') + 1)}`
  }
}

function refusal(found: NoFile | IsDirectory): HttpAnswer {
  if (found.kind === 'directory') return text(400, 'This is a directory; it can be browsed')
  return { status: 404 }
}

/** Plain where it can be, as Mesos writes it. */
function quoted(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : `"${name.replace(/[^ -~]|["\\]/g, '_')}"`
}
