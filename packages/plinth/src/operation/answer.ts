import { PlinthError } from '../errors.ts'
import { encodeCursor } from './cursor.ts'
import { decoderFor } from './decode.ts'
import { type AnswerColumn, objectReader, type RowReader } from './row-reader.ts'
import type { Operation, Page } from './operation.ts'
import { outputsOf } from './output.ts'

/**
 * What PostgreSQL answered, before it becomes JavaScript values: text as it came over the wire. JSON keeps it whole.
 */
export interface Answer {
  readonly columns: readonly AnswerColumn[]
  readonly rows: readonly (readonly (string | null)[])[]
  /** From the command tag: rows read or written. */
  readonly rowCount: number
}

/** What `page()` resolves to. `next` is undefined on the last page; else give it as `after`. */
export interface PageOf<R> {
  readonly rows: R[]
  readonly next: string | undefined
}

/**
 * Runs an operation through `execute` and turns the answer into the caller's result. Every runner ends here, so a value
 * is the same JavaScript value in process, in a transaction and over HTTP.
 *
 * An upsert that asks for the old row can find neither the old nor the new one when another transaction commits that
 * row between its snapshot and its insert; a fresh snapshot sees it, so it is asked again.
 */
export async function runOperation(
  operation: Operation,
  execute: (operation: Operation) => Promise<Answer>,
): Promise<unknown> {
  let answer = await execute(operation)
  if (operation.kind === 'upsert' && operation.action === 'get') {
    for (let again = 0; answer.rows.length === 0 && again < 3; again++) answer = await execute(operation)
  }
  return readAnswer(operation, answer)
}

function readAnswer(operation: Operation, answer: Answer): unknown {
  const { result } = operation
  if (typeof result === 'object') return readPage(result, operation, answer)
  switch (result) {
    case 'none':
      return undefined
    case 'count':
      return operation.kind === 'count' ? Number(answer.rows[0]?.[0] ?? 0) : answer.rowCount
    case 'exists':
      return answer.rows.length > 0
    case 'value':
      return readValue(answer)
    case 'rows':
      return answer.rows.map(rowReader(operation, answer))
    case 'first':
    case 'row': {
      const row = answer.rows[0]
      if (row !== undefined) return rowReader(operation, answer)(row)
      if (result === 'first') return undefined
      throw new PlinthError('RowNotFound', `${operation.kind} on ${operation.target.name} found no row.`, {
        hint:
          'The key matches nothing, or a row-level security policy hides it. ' +
          'Use first() where no row is a normal answer.',
      })
    }
  }
}

function readValue(answer: Answer): unknown {
  const [column, text] = [answer.columns[0], answer.rows[0]?.[0]]
  return column === undefined || text === undefined || text === null ? null : decoderFor(column.oid)(text)
}

function readPage(page: Page, operation: Operation, answer: Answer): PageOf<unknown> {
  const visible = answer.rows.slice(0, page.size)
  const last = visible.at(-1)
  const more = answer.rows.length > page.size && last !== undefined
  const order = operation.kind === 'select' ? operation.order : undefined
  const cursor = more ? last.slice(last.length - page.cursorColumns) : undefined
  return { rows: visible.map(rowReader(operation, answer)), next: cursor && encodeCursor(order ?? [], cursor) }
}

function rowReader(operation: Operation, answer: Answer): RowReader {
  const hidden = typeof operation.result === 'object' ? operation.result.cursorColumns : 0
  const columns = hidden === 0 ? answer.columns : answer.columns.slice(0, answer.columns.length - hidden)
  return objectReader(columns, outputsOf(operation))
}
