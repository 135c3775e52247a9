import type { Dialect } from './dialect.ts'
import { type Executor, executeAnswer, executeBody, type ExecutedBody, type LargeBody } from './execution/execute.ts'
import { failureReply } from './failure.ts'
import { corsHeaders, preflightReply } from './http/cors.ts'
import { type HubRequest, pathOf, type Reply } from './http/exchange.ts'
import { type Phases, timePhases } from './http/phases.ts'
import { checkSizes } from './http/request-size.ts'
import type { Caller } from './identity/caller.ts'
import type { Identify } from './identity/identify.ts'
import type { Limits } from './limits.ts'
import { type AnswerRoot, createRoot, isForDocument } from './openapi/root.ts'
import type { Asked } from './postgrest/asked.ts'
import { createReader, type Reader } from './postgrest/shape.ts'
import { type BodyAnswer, writeReply } from './reply/reply.ts'
import { readRunRequest } from './run/run-request.ts'
import type { SchemaCache } from './schema/schema-cache.ts'
import { catalogFor } from './stage/allow.ts'
import { pipeline, type Run, type Stage } from './stage/stage.ts'

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
  readonly read: Reader
}

export type Handle = (request: HubRequest) => Promise<Reply>

/** One request from its first byte checked to its reply. Never rejects: every failure is a reply. */
export function createHandle(given: HandleParts): Handle {
  const parts = { ...given, answerRoot: createRoot(given.executor), read: createReader(given) }
  return async (request) => {
    // Before anything is asked of the caller: browsers send no credentials with this question.
    const preflight = preflightReply(request, parts.dialect)
    if (preflight !== undefined) return preflight
    const phases = timePhases(parts.dialect.hasServerTiming)
    const reply = await answer(request, parts, phases)
    return { ...reply, headers: { ...reply.headers, ...outerHeaders(request, parts.dialect, phases) } }
  }
}

/** Headers that every answer has, whatever it is. */
function outerHeaders(request: HubRequest, dialect: Dialect, { header: timing }: Phases): Reply['headers'] {
  const { traceHeader = '' } = dialect
  const trace = request.headers.get(traceHeader.toLowerCase())
  return {
    ...corsHeaders(request, dialect),
    ...(trace === undefined ? {} : { [traceHeader.toLowerCase()]: trace }),
    ...(timing === undefined ? {} : { 'server-timing': timing }),
  }
}

async function answer(request: HubRequest, parts: RunningParts, phases: Phases): Promise<Reply> {
  const isRun = pathOf(request) === '/-/run'
  let caller: Caller | undefined
  try {
    checkSizes(request, parts.limits)
    caller = await parts.identify(request)
    phases.end('jwt')
    return isRun
      ? await runOperation(request, caller, parts)
      : await answerPostgrest({ request, caller, parts, phases })
  } catch (error) {
    return await failureReply(error, { ...parts, caller, isRun })
  }
}

interface Asking {
  readonly request: HubRequest
  readonly caller: Caller
  readonly parts: RunningParts
  readonly phases: Phases
}

/** PostgREST's dialect: URL and headers → operation → authorize and the other stages → PostgreSQL → reply. */
async function answerPostgrest(asking: Asking): Promise<Reply> {
  const { request, caller, parts, phases } = asking
  if (isForDocument(request, parts.dialect)) return await answerDocument(asking)
  const asked = await parts.schema.lookUp((catalog) => parts.read(request, catalogFor(caller, catalog)))
  phases.end('parse')
  if ('status' in asked) {
    phases.end('response')
    return asked
  }
  const execute = executeBody(parts.executor, asked, request)
  const last: Run<ExecutedBody> = (operation, who) => {
    phases.end('plan')
    return execute(operation, who)
  }
  const answer = await pipeline(parts.stages, last)(asked.operation, caller)
  phases.end('transaction')
  const reply = answer.large ? await replyInPieces(asked, answer, answer.large) : writeReply(asked, answer)
  phases.end('response')
  return reply
}

async function answerDocument({ request, caller, parts, phases }: Asking): Promise<Reply> {
  const catalog = await parts.schema.lookUp((all) => catalogFor(caller, all))
  phases.end('parse')
  phases.end('plan')
  const reply = await parts.answerRoot(request, caller, catalog)
  phases.end('transaction')
  phases.end('response')
  return reply
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
  const operation = readRunRequest(request, parts)
  const answer = await pipeline(parts.stages, executeAnswer(parts.executor, request))(operation, caller)
  return { status: 200, headers: { 'content-type': 'application/json; charset=utf-8' }, body: JSON.stringify(answer) }
}
