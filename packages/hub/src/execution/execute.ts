import type { BatchAnswer, ByteRow, Condition, Database, Operation, Select } from 'plinth'
import {
  type Answer,
  bytesRefused,
  compile,
  compileBody,
  compilePlannedCount,
  compileRowTexts,
  plannedRows,
  rowsRefused,
  type SettingsUse,
  type Statement,
} from 'plinth/operation'
import type { Dialect } from '../dialect.ts'
import type { HubRequest } from '../http/exchange.ts'
import type { Asked, Form, Shape } from '../postgrest/asked.ts'
import { isUndone } from '../postgrest/envelope.ts'
import { keyOfPut, notSingular, tooManyAffected, tooMuch } from '../postgrest/refusals.ts'
import { Refusal } from '../refusal.ts'
import type { BodyAnswer } from '../reply/reply.ts'
import type { Run } from '../stage/stage.ts'
import { joined, type LargeAnswers, mostHeldRows, type OpenedRows, openRows, type RowSource } from './large-answer.ts'
import { type Asking, tell } from './session-settings.ts'
import type { SettingsCache } from './settings-cache.ts'

/** The end of the pipeline: one statement, with the caller's role and claims, in one round trip. */
export interface Executor {
  readonly database: Database
  readonly timeoutMs: number
  readonly answerBytes: number
  readonly dialect: Dialect
  readonly settings: SettingsCache
  readonly large: LargeAnswers
  /** Where names are found for a client that speaks operations. */
  readonly defaultSchema: string
}

/** A body that is too large to hold comes in pieces, and `body` is null then. */
export interface ExecutedBody extends BodyAnswer {
  readonly large?: LargeBody
}

export type LargeBody = Pick<OpenedRows, 'pieces' | 'close'>

/** Runs an operation whose rows become the body of the answer. */
export function executeBody(executor: Executor, { form, shape }: Asked, request: HubRequest): Run<ExecutedBody> {
  return async (operation, caller) => {
    const asking = { caller, form, shape, request, use: await executor.settings.get() }
    if (operation.kind === 'select' && mayBeLarge(operation, form, executor))
      return await readLarge(executor, operation, asking)
    return await runBody(executor, operation, bodyStatement(executor, operation, asking), asking)
  }
}

interface BodyAsking extends Asking {
  readonly form: Form
  readonly shape: Shape | undefined
  readonly use: SettingsUse
}

/** What was written for a shape, and the condition of the shape, by its index, that each value is of. */
interface Written {
  readonly use: SettingsUse
  readonly statement: Statement
  readonly from: readonly number[]
}

const written = new WeakMap<object, Written>()

/** Requests of one shape differ in values alone, so one statement serves them all. */
function bodyStatement(executor: Executor, operation: Operation, asking: BodyAsking): Statement {
  const { shape, use } = asking
  if (shape === undefined) return writeBodyStatement(executor, operation, asking)
  const known = written.get(shape.of)
  if (known?.use !== use) {
    const statement = writeBodyStatement(executor, operation, asking)
    const indexes = new Map<Condition | undefined, number>(shape.conditions.map((condition, i) => [condition, i]))
    const from = statement.conditions.map((condition) => indexes.get(condition) ?? -1)
    // A value whose place is not known would stay the first one's, for everybody.
    const isKnown = shape.conditions.every((condition) => statement.conditions.includes(condition))
    if (isKnown) written.set(shape.of, { use, statement, from })
    return statement
  }
  const { statement, from } = known
  return { ...statement, values: statement.values.map((value, i) => shape.conditions[from[i] ?? -1]?.value ?? value) }
}

function writeBodyStatement({ answerBytes }: Executor, operation: Operation, { form, use }: BodyAsking): Statement {
  const { count, maxRows, allowedRows, format, isHead, isScalar = false, verb } = form
  if (operation.kind === 'count') throw new Refusal(500, 'PLT500', 'A count has no body.')
  const isRead = verb === 'read' || verb === 'call'
  return compileBody(operation, {
    // An estimate is exact as far as the hub's own limit.
    exactCount: count === 'exact' || count === 'estimated',
    ...(count === 'estimated' && maxRows !== undefined && isRead && { countAtMost: maxRows + 1 }),
    isScalar,
    hasBody: !isHead,
    mostBytes: answerBytes,
    format,
    readsResponse: use.setsResponse,
    countsInserted: countsInserted(operation),
    ...(maxRows !== undefined && { maxRows }),
    ...(allowedRows && { allowedRows }),
  })
}

function countsInserted(operation: Operation): boolean {
  return operation.kind === 'upsert' && operation.action === 'update'
}

async function runBody(
  executor: Executor,
  operation: Operation,
  statement: Statement,
  asking: BodyAsking,
): Promise<BodyAnswer> {
  const { form, use } = asking
  const asked = plannedCount(operation, form)
  const { main, planned } = await runTold(executor, statement, { ...asking, operation }, use, asked).catch(
    explainRefused(form),
  )
  const [body = null, rows, total, ...others] = main.rows[0] ?? []
  const inserted = countsInserted(operation) ? others.pop() : undefined
  return {
    body: body && main.columns[0]?.oid === BYTEA ? bytesOf(body) : body,
    rows: numberOf(rows),
    total: totalOf(form, total, planned),
    ...(inserted && { inserted: numberOf(inserted) }),
    ...(use.setsResponse && saidIn(others)),
  }
}

const BYTEA = 17

/** PostgreSQL writes bytes as `\x` and two digits each. */
function bytesOf(text: Uint8Array): Uint8Array {
  return Buffer.from(textOf(text.subarray(2)), 'hex')
}

/** The question how many rows the planner expects, where it is to be asked. */
function plannedCount(operation: Operation, { count, maxRows }: Form): Statement | undefined {
  const isAsked = count === 'planned' || (count === 'estimated' && maxRows !== undefined)
  return isAsked && operation.kind === 'select' ? compilePlannedCount(operation) : undefined
}

/** Beyond what was counted, the larger of both. */
function totalOf(
  { count, maxRows = Infinity }: Form,
  counted: Uint8Array | null | undefined,
  planned: BatchAnswer | undefined,
): number | undefined {
  const [plan] = planned?.rows[0] ?? []
  const expected = plan ? plannedRows(textOf(plan)) : undefined
  if (count === 'planned') return expected
  const total = counted ? numberOf(counted) : undefined
  return total !== undefined && expected !== undefined && total > maxRows ? Math.max(total, expected) : total
}

/** What functions left for the answer's head. */
function saidIn([headers, status]: ByteRow): Pick<BodyAnswer, 'said'> {
  if (!headers && !status) return {}
  return { said: { ...(headers && { headers: textOf(headers) }), ...(status && { status: textOf(status) }) } }
}

/** A list in plain JSON without a limit that says otherwise. */
function mayBeLarge({ limit = Infinity }: Select, form: Form, { dialect }: Executor): boolean {
  const { isHead, isSingular, isUndone, format, verb, count } = form
  if (verb !== 'read' || isHead || isSingular || isUndone || count === 'planned') return false
  if (format.kind !== 'array' || format.stripsNulls) return false
  return Math.min(limit, dialect.maxRows ?? Infinity) > mostHeldRows
}

/** Of rows that are read piece by piece. */
const leastBatchBytes = 1_048_576

/** Asks for one row more than is held; only where that comes, or came the last time, the answer is opened as large. */
async function readLarge(executor: Executor, operation: Select, asking: BodyAsking): Promise<ExecutedBody> {
  const { large } = executor
  const limited = { ...operation, limit: mostHeldRows + 1 }
  const held = bodyStatement(executor, limited, asking)
  if (!large.isKnown(held.text)) {
    const answer = await runBody(executor, limited, held, asking).catch(ignoreTooMuch)
    if (answer && answer.rows <= mostHeldRows) return answer
  }
  const opened = await openRows(executor.database, rowSource(executor, operation, asking), large.enter(asking.caller))
  const { whole, total, said, pieces, close } = opened
  large.note(held.text, whole === undefined)
  const about = { total, ...saidIn(said) }
  if (whole) return { body: joined('[', whole, ']'), rows: whole.length, ...about }
  const left = Math.max(0, (total ?? 0) - (operation.offset ?? 0))
  return { body: null, rows: Math.min(left, operation.limit ?? left), ...about, large: { pieces, close } }
}

function rowSource(executor: Executor, operation: Select, asking: BodyAsking): RowSource {
  const { dialect, timeoutMs, answerBytes } = executor
  const { form, use } = asking
  const counting = { ...asking, shape: undefined, form: { ...form, isHead: true } }
  const { maxRows = Infinity } = dialect
  const limit = Math.min(operation.limit ?? Infinity, maxRows)
  return {
    told: tell({ ...asking, isTransaction: true }, { use, dialect, timeoutMs }),
    rows: compileRowTexts({ ...operation, ...(limit < Infinity && { limit }) }, maxRows),
    count: form.count !== undefined ? bodyStatement(executor, { ...operation, limit: 0 }, counting) : undefined,
    readsResponse: use.setsResponse,
    timeoutMs,
    mostBytes: Math.max(answerBytes, leastBatchBytes),
  }
}

/** What is too large to be one text may still be read row by row. */
function ignoreTooMuch(error: unknown): undefined {
  if (error instanceof Refusal && error.body.code === 'PLT400') return undefined
  throw error
}

/** The statement undid itself; here its error gets the name PostgREST's clients know. */
function explainRefused(form: Form): (error: unknown) => never {
  return (error) => {
    const bytes = bytesRefused(error)
    if (bytes !== undefined) throw tooMuch(`The answer is ${bytes} bytes long. Ask for less of it, with limit.`)
    const rows = form.allowedRows && rowsRefused(error)
    if (rows === undefined) throw error
    if (form.verb === 'put') throw keyOfPut()
    throw form.isSingular ? notSingular(rows) : tooManyAffected(rows)
  }
}

/** Runs an operation for a client that decodes PostgreSQL's text itself. */
export function executeAnswer(executor: Executor, request: HubRequest): Run<Answer> {
  return async (operation, caller) => {
    const form = formOfRun(operation, executor)
    const use = await executor.settings.get()
    // What is written comes back whole, as over REST.
    const isRead = operation.kind === 'select' || operation.kind === 'call'
    const statement = compile(operation, isRead ? executor.dialect.maxRows : undefined)
    const { main } = await runTold(executor, statement, { caller, form, request, operation }, use)
    const { columns, rows, rowCount } = main
    return { columns, rows: rows.map((row) => row.map((value) => value && textOf(value))), rowCount }
  }
}

function formOfRun({ kind }: Operation, { defaultSchema, dialect }: Executor): Asking['form'] {
  return {
    schema: defaultSchema,
    settings: kind === 'select' || kind === 'count' ? { transaction_read_only: 'on' } : {},
    ...(isUndone(dialect) && { isUndone: true }),
  }
}

async function runTold(
  { database, dialect, timeoutMs, answerBytes }: Executor,
  statement: Statement,
  asking: Asking & { readonly operation: Operation },
  use: SettingsUse,
  planned?: Statement,
): Promise<{ readonly main: BatchAnswer; readonly planned: BatchAnswer | undefined }> {
  const { options, before } = tell(asking, { use, dialect, timeoutMs })
  const answers = await database.batch([...before, { ...statement, isMain: true }, ...(planned ? [planned] : [])], {
    ...options,
    runsCode: before.length > 0 || runsCode(asking.operation, use),
    effect: asking.form.settings['transaction_read_only'] === 'on' ? 'read' : 'write',
    // The body is limited where PostgreSQL makes it; this is for the rows of /-/run, with room for their counts.
    maxAnswerBytes: answerBytes + 1024,
  })
  const [main = noAnswer, second] = answers.slice(before.length)
  return { main, planned: second }
}

/** A write fires triggers and fills defaults; a read runs what views, policies and computed columns call. */
function runsCode({ kind }: Operation, use: SettingsUse): boolean {
  return use.changesSession || (kind !== 'select' && kind !== 'count')
}

const noAnswer: BatchAnswer = { columns: [], rows: [], rowCount: 0 }

function textOf(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString()
}

function numberOf(value: Uint8Array | null | undefined): number {
  return value ? Number(textOf(value)) : 0
}
