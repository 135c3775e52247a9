import type { Database, Operation, QueryResult, TextRow } from 'plinth'
import { type Answer, bytesRefused, compile, compileBody, rowsRefused, type Statement } from 'plinth/operation'
import type { Form } from './postgrest/asked.ts'
import { notSingular, tooMuch } from './postgrest/refusals.ts'
import type { BodyAnswer } from './postgrest/reply.ts'
import { Refusal } from './refusal.ts'
import { type Caller, settingsOf } from './stage/caller.ts'
import type { Run } from './stage/stage.ts'

/** The end of the pipeline: one statement, with the caller's role and claims, in one round trip. */
export interface Executor {
  readonly database: Database
  readonly timeoutMs: number
  readonly answerBytes: number
}

/** Runs an operation whose rows become the JSON body of the answer. */
export function executeBody(executor: Executor, form: Form): Run<BodyAnswer> {
  return async (operation, caller) => {
    const statement = bodyStatement(operation, form, executor.answerBytes)
    const [row] = (await query(executor, statement, caller, form.settings).catch(explainRefused(form))).rows
    const [body = null, rows, total] = row ?? []
    return {
      body: body === null ? null : Buffer.from(body),
      rows: Number(rows),
      total: total === null ? undefined : Number(total),
    }
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

/** Runs an operation for a client that decodes PostgreSQL's text itself. */
export function executeAnswer(executor: Executor): Run<Answer> {
  return async (operation, caller) => {
    const { columns, rows, rowCount } = await query(executor, compile(operation), caller, {})
    return { columns, rows, rowCount }
  }
}

function query(
  { database, timeoutMs, answerBytes }: Executor,
  { text, values }: Statement,
  caller: Caller,
  settings: Readonly<Record<string, string>>,
): Promise<QueryResult<TextRow>> {
  return database.query(text, values, {
    settings: { ...settingsOf(caller), ...settings },
    rows: 'text',
    timeoutMs,
    // The body is limited where PostgreSQL makes it; this is for the rows of /-/run, with room for their counts.
    maxAnswerBytes: answerBytes + 1024,
  })
}
