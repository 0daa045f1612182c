// Answers of the endpoints of old: JSON, or script for pages that ask with `jsonp`.
import {
  type Handler,
  type HttpAnswer,
  type HttpRequest,
  json,
  plainJson,
  text,
  UNSNIFFED,
} from '../../http/types.ts'

/** Answers with the value as JSON; with `jsonp` as a call of that function. */
export function reading(value: (request: HttpRequest) => unknown): Handler {
  return async (request) => asJson(request, await value(request))
}

export function asJson({ query }: HttpRequest, value: unknown): HttpAnswer {
  const name = query.get('jsonp')
  if (name === null) return json(200, value)
  // Anything but a name would be code of the asker's choice in the page that loads it.
  if (!/^[A-Za-z_$][\w$.]{0,127}$/.test(name)) return text(400, "'jsonp' must be the name of a function")
  return {
    status: 200,
    headers: { 'content-type': 'text/javascript', ...UNSNIFFED },
    body: `${name}(${plainJson(value)});`,
  }
}
