// The endpoints of old, which tools and user interfaces still read (operator-api.md §6): JSON, or script with `jsonp`.
import { allowed } from '../../../master/authorization/acls.ts'
import type { ClusterView } from '../../../master/operator/view.ts'
import { type Asker, asked } from '../../authorize.ts'
import type { Authenticate } from '../../http/authentication.ts'
import type { Route } from '../../http/routes.ts'
import { empty, type Handler, type HttpAnswer, type HttpRequest, text } from '../../http/types.ts'
import { masterInfo } from '../../scheduler/master-info.ts'
import { teardown } from '../actions.ts'
import type { Calling } from '../calls.ts'
import { flags } from '../flags.ts'
import { metrics } from '../metrics.ts'
import { versionInfo } from '../version.ts'
import { EVERYTHING, loadSight, type Parts } from '../view.ts'
import { reading } from './answer.ts'
import { fileRoutes } from './files.ts'
import { type About, frameworks, roles, slaves, state, stateSummary, tasks } from './state.ts'

export interface Guards {
  readonly readonly?: Authenticate | undefined
  readonly readwrite?: Authenticate | undefined
}

export function legacyRoutes(calling: Calling, guards: Guards): readonly Route[] {
  const { env } = calling
  const document = (parts: Parts, make: (view: ClusterView, about: About, request: HttpRequest) => unknown) =>
    reading(async (request) =>
      make(await loadSight(env, parts, request), await aboutOf(calling, request), request),
    )
  const guarded = (paths: readonly string[], handler: Handler): Route[] =>
    paths.map((path) => ({
      path,
      methods: { GET: handler, POST: handler },
      authenticate: guards.readonly,
    }))
  const snapshot = reading(() => metrics(calling))
  const open = (path: string, handler: Handler): Route => ({ path, methods: { GET: handler, POST: handler } })
  return [
    open('/health', () => empty(200)),
    open(
      '/version',
      reading(() => versionInfo),
    ),
    open('/redirect', () => redirect(calling)),
    {
      ...open('/metrics/snapshot', asked(env, 'get_endpoints', '/metrics/snapshot', snapshot)),
      // Monitors ask without credentials, unless somebody closed it.
      authenticate: (request) =>
        env.settings.acls?.rules.get_endpoints === undefined ? {} : (guards.readonly?.(request) ?? {}),
    },
    ...guarded(
      ['/flags'],
      asked(
        env,
        'view_flags',
        undefined,
        reading(() => ({ flags: flagsOf(calling) })),
      ),
    ),
    // The names with a suffix were removed from Mesos; old clients still ask for them.
    ...guarded(['/state', '/state.json'], document(EVERYTHING, state)),
    ...guarded(['/state-summary'], document({ tasks: true }, stateSummary)),
    ...guarded(
      ['/slaves'],
      document({}, (view, _, { query }) => slaves(view, query.get('slave_id') ?? undefined)),
    ),
    ...guarded(
      ['/frameworks'],
      document(EVERYTHING, (view, _, { query }) => frameworks(view, query.get('framework_id') ?? undefined)),
    ),
    ...guarded(
      ['/tasks', '/tasks.json'],
      document({ tasks: true }, (view, _, { query }) =>
        tasks(view, {
          frameworkId: query.get('framework_id') ?? undefined,
          taskId: query.get('task_id') ?? undefined,
          limit: wholeNumber(query.get('limit'), 100),
          offset: wholeNumber(query.get('offset'), 0),
          oldestFirst: query.get('order') === 'asc',
        }),
      ),
    ),
    ...guarded(['/roles'], document({}, roles)),
    // Nothing of these can have been set: empty, as a Mesos that nobody touched answers.
    ...readOnly('/quota', {}, guards),
    ...readOnly('/weights', [], guards),
    ...readOnly('/maintenance/schedule', {}, guards),
    ...readOnly('/maintenance/status', {}, guards),
    {
      path: '/teardown',
      methods: { POST: (request) => tearDown(calling, request) },
      authenticate: guards.readwrite,
    },
    ...fileRoutes(calling, guards.readonly),
  ]
}

function readOnly(path: string, value: unknown, guards: Guards): readonly Route[] {
  return [{ path, methods: { GET: reading(() => value) }, authenticate: guards.readonly }]
}

/** There is no leader, and whoever answers is as good as one: the public address (C145). */
function redirect({ env }: Calling): HttpAnswer {
  const { hostname, port } = env.settings.publicAddress
  return empty(307, { location: `//${hostname}:${port}` })
}

async function aboutOf(calling: Calling, { principal }: Asker): Promise<About> {
  const { env, bornAt } = calling
  return {
    version: versionInfo,
    master: masterInfo(env, 'operator'),
    clusterName: env.settings.clusterName,
    flags: allowed(env.settings.acls, 'view_flags', principal, undefined) ? flagsOf(calling) : undefined,
    bornAt: await bornAt(),
  }
}

function flagsOf({ env }: Calling): Readonly<Record<string, string>> {
  return Object.fromEntries(flags(env.settings).map(({ name, value = '' }) => [name, value]))
}

async function tearDown({ env }: Calling, { body, principal }: HttpRequest): Promise<HttpAnswer> {
  const frameworkId = new URLSearchParams(Buffer.from(body).toString()).get('frameworkId')
  if (frameworkId === null) return text(400, "The body must be a form with 'frameworkId'")
  const outcome = await teardown(env, frameworkId, { principal })
  return outcome.kind === 'refused' ? text(outcome.status, outcome.text) : empty(200)
}

function wholeNumber(given: string | null, otherwise: number): number {
  return given !== null && /^\d{1,9}$/.test(given) ? Number(given) : otherwise
}
