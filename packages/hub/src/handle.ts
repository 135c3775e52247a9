import { type Catalog, parseOperation } from 'plinth/operation'
import type { Dialect } from './dialect.ts'
import type { HubRequest, Limits, Reply } from './exchange.ts'
import { hoistedSettings } from './hoisted-settings.ts'
import { type Executor, executeAnswer, executeBody, type LargeBody } from './execute.ts'
import { type AnswerRoot, createRoot, isForDocument } from './openapi/root.ts'
import type { Asked } from './postgrest/asked.ts'
import { parsePlainJson } from './postgrest/json.ts'
import { checkContentType } from './postgrest/media-type.ts'
import { methodNotSupported } from './postgrest/refusals.ts'
import { type BodyAnswer, writeReply } from './postgrest/reply.ts'
import { readRequest } from './postgrest/request.ts'
import { checkSizes } from './request-size.ts'
import { failureReply } from './failure.ts'
import type { SchemaCache } from './schema-cache.ts'
import { catalogFor } from './stage/allow.ts'
import type { Caller } from './stage/caller.ts'
import type { Identify } from './stage/identify.ts'
import { pipeline, type Stage } from './stage/stage.ts'

export interface HandleParts {
  readonly identify: Identify
  readonly schema: SchemaCache
  readonly stages: readonly Stage[]
  readonly executor: Executor
  readonly limits: Limits
  readonly dialect: Dialect
  readonly onFault: (error: unknown) => void
}

interface RunningParts extends HandleParts {
  readonly answerRoot: AnswerRoot
}

export type Handle = (request: HubRequest) => Promise<Reply>

/** One request from its first byte checked to its reply. Never rejects: every failure is a reply. */
export function createHandle(given: HandleParts): Handle {
  const parts = { ...given, answerRoot: createRoot(given.executor.database, given.dialect) }
  return async (request) => {
    const isRun = request.url.split('?', 1)[0] === '/-/run'
    let caller: Caller | undefined
    try {
      checkSizes(request, parts.limits)
      caller = await parts.identify(request)
      return isRun ? await runOperation(request, caller, parts) : await answerPostgrest(request, caller, parts)
    } catch (error) {
      return await failureReply(error, { caller, isRun, schema: parts.schema, onFault: parts.onFault })
    }
  }
}

/** PostgREST's dialect: URL and headers → operation → authorize and the other stages → PostgreSQL → reply. */
async function answerPostgrest(request: HubRequest, caller: Caller, parts: RunningParts): Promise<Reply> {
  if (isForDocument(request, parts.dialect))
    return parts.answerRoot(request, caller, await parts.schema.lookUp((catalog) => catalogFor(caller, catalog)))
  const asked = await parts.schema.lookUp((catalog) => readWhole(request, catalogFor(caller, catalog), parts))
  const run = pipeline(parts.stages, executeBody(parts.executor, asked.form, request))
  const answer = await run(asked.operation, caller)
  return answer.large ? await replyInPieces(asked, answer, answer.large) : writeReply(asked, answer)
}

/** What is asked for, with the settings of the function that is to do it. */
function readWhole(request: HubRequest, catalog: Catalog, parts: RunningParts): Asked {
  const { operation, form } = readRequest(request, catalog, parts)
  if (operation.kind !== 'call') return { operation, form }
  return { operation, form: { ...form, settings: { ...form.settings, ...hoistedSettings(operation, catalog) } } }
}

/** How many rows there are is known before the first byte only where they were counted. */
async function replyInPieces(asked: Asked, answer: BodyAnswer, { pieces, close }: LargeBody): Promise<Reply> {
  try {
    const { status, headers } = writeReply(asked, answer)
    const { 'content-range': range, ...others } = headers
    return { status, headers: answer.total === undefined || !range ? others : headers, body: pieces }
  } catch (error) {
    await close()
    throw error
  }
}

/** `POST /-/run`: an operation as JSON → the same stages → PostgreSQL's text, which the client decodes. */
async function runOperation(request: HubRequest, caller: Caller, parts: HandleParts): Promise<Reply> {
  if (request.method !== 'POST') throw methodNotSupported(request.method)
  checkContentType(request.headers.get('content-type'))
  const { nodes: maxNodes, depth: maxDepth, rows: maxRows, listValues: maxListValues } = parts.limits
  const limits = { maxNodes, maxDepth, maxRows, maxListValues }
  const operation = parseOperation(parsePlainJson(request.body, parts.limits), limits)
  const answer = await pipeline(parts.stages, executeAnswer(parts.executor, request))(operation, caller)
  return { status: 200, headers: { 'content-type': 'application/json; charset=utf-8' }, body: JSON.stringify(answer) }
}
