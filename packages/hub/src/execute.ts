import type { Database, Operation, TextRow } from 'plinth'
import { type Answer, compile, compileBody, rowsRefused, type Statement } from 'plinth/operation'
import type { Form } from './postgrest/asked.ts'
import { notSingular } from './postgrest/refusals.ts'
import type { BodyAnswer } from './postgrest/reply.ts'
import { Refusal } from './refusal.ts'
import { type Caller, settingsOf } from './stage/caller.ts'
import type { Run } from './stage/stage.ts'

/** The end of the pipeline: one statement, with the caller's role and claims, in one round trip. */
export interface Executor {
  readonly database: Database
  readonly timeoutMs: number
}

/** Runs an operation whose rows become the JSON body of the answer. */
export function executeBody(executor: Executor, form: Form): Run<BodyAnswer> {
  return async (operation, caller) => {
    const statement = bodyStatement(operation, form)
    const [row] = (await query(executor, statement, caller, form.settings).catch(explainRefusedRows(form))).rows
    const [body = null, rows, total] = row ?? []
    return { body, rows: Number(rows), total: total === null ? undefined : Number(total) }
  }
}

function bodyStatement(operation: Operation, { exactCount, allowedRows, isHead, isScalar = false }: Form): Statement {
  if (operation.kind === 'count') throw new Refusal(500, 'PLT500', 'A count has no body.')
  return compileBody(operation, { exactCount, isScalar, hasBody: !isHead, ...(allowedRows && { allowedRows }) })
}

/** The write was undone by the statement itself; here its error gets the name PostgREST's clients know. */
function explainRefusedRows(form: Form): (error: unknown) => never {
  return (error) => {
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
  { database, timeoutMs }: Executor,
  { text, values }: Statement,
  caller: Caller,
  settings: Readonly<Record<string, string>>,
): ReturnType<typeof database.query<TextRow>> {
  return database.query<TextRow>(text, values, {
    settings: { ...settingsOf(caller), ...settings },
    rows: 'text',
    timeoutMs,
  })
}
