import type { BatchAnswer, Database, Operation } from 'plinth'
import { type Answer, bytesRefused, compile, compileBody, rowsRefused, type Statement } from 'plinth/operation'
import type { Dialect } from './dialect.ts'
import type { HubRequest } from './exchange.ts'
import type { Form } from './postgrest/asked.ts'
import { notSingular, tooMuch } from './postgrest/refusals.ts'
import type { BodyAnswer } from './postgrest/reply.ts'
import { Refusal } from './refusal.ts'
import { type Asking, tell } from './session-settings.ts'
import type { SettingsCache } from './settings-cache.ts'
import type { Run } from './stage/stage.ts'

/** The end of the pipeline: one statement, with the caller's role and claims, in one round trip. */
export interface Executor {
  readonly database: Database
  readonly timeoutMs: number
  readonly answerBytes: number
  readonly dialect: Dialect
  readonly settings: SettingsCache
  /** Where names are found for a client that speaks operations. */
  readonly defaultSchema: string
}

/** Runs an operation whose rows become the body of the answer. */
export function executeBody(executor: Executor, form: Form, request: HubRequest): Run<BodyAnswer> {
  return async (operation, caller) => {
    const statement = bodyStatement(operation, form, executor.answerBytes)
    const answered = await runTold(executor, statement, { caller, form, request }).catch(explainRefused(form))
    const [body = null, rows, total] = answered.main?.rows[0] ?? []
    return { body, rows: numberOf(rows), total: total ? numberOf(total) : undefined, ...saidIn(answered.said) }
  }
}

function bodyStatement(operation: Operation, form: Form, mostBytes: number): Statement {
  const { exactCount, allowedRows, isHead, isScalar = false } = form
  if (operation.kind === 'count') throw new Refusal(500, 'PLT500', 'A count has no body.')
  const hasBody = !isHead
  return compileBody(operation, { exactCount, isScalar, hasBody, mostBytes, ...(allowedRows && { allowedRows }) })
}

/** The statement undid itself; here its error gets the name PostgREST's clients know. */
function explainRefused(form: Form): (error: unknown) => never {
  return (error) => {
    const bytes = bytesRefused(error)
    if (bytes !== undefined) throw tooMuch(`The answer is ${bytes} bytes long. Ask for less of it, with limit.`)
    const rows = form.allowedRows && rowsRefused(error)
    if (rows === undefined) throw error
    if (form.isSingular) throw notSingular(rows)
    throw new Refusal(400, 'PGRST124', 'Query result exceeds max-affected preference constraint', {
      details: `The query affects ${rows} rows`,
    })
  }
}

/** What functions left for the answer's head. */
function saidIn(answer: BatchAnswer | undefined): Pick<BodyAnswer, 'said'> {
  const [headers, status] = answer?.rows[0] ?? []
  if (!headers && !status) return {}
  return { said: { ...(headers && { headers: textOf(headers) }), ...(status && { status: textOf(status) }) } }
}

/** Runs an operation for a client that decodes PostgreSQL's text itself. */
export function executeAnswer(executor: Executor, request: HubRequest): Run<Answer> {
  return async (operation, caller) => {
    const form = { schema: executor.defaultSchema, settings: {} }
    const { main } = await runTold(executor, compile(operation), { caller, form, request })
    const rows = (main?.rows ?? []).map((row) => row.map((value) => (value === null ? null : textOf(value))))
    return { columns: main?.columns ?? [], rows, rowCount: main?.rowCount ?? 0 }
  }
}

interface Answered {
  readonly main: BatchAnswer | undefined
  readonly said: BatchAnswer | undefined
}

async function runTold(executor: Executor, statement: Statement, asking: Asking): Promise<Answered> {
  const { database, settings, dialect, timeoutMs, answerBytes } = executor
  const { options, before, after } = tell(asking, { use: await settings.get(), dialect, timeoutMs })
  const answers = await database.batch([...before, { ...statement, isMain: true }, ...after], {
    ...options,
    effect: asking.form.settings['transaction_read_only'] === 'on' ? 'read' : 'write',
    // The body is limited where PostgreSQL makes it; this is for the rows of /-/run, with room for their counts.
    maxAnswerBytes: answerBytes + 1024,
  })
  return { main: answers[before.length], said: answers[before.length + 1] }
}

function textOf(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString()
}

function numberOf(value: Uint8Array | null | undefined): number {
  return value ? Number(textOf(value)) : 0
}
