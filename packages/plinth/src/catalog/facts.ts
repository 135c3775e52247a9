import type { Queryable } from '../database/queryable.ts'
import type { Value } from '../operation/value.ts'
import type { CatalogFunction } from './catalog.ts'
import { type ColumnsRow, columnsText } from './column-rows.ts'
import {
  type FunctionRow,
  functionsText,
  type HandlerRow,
  handlersText,
  readFunction,
  type RowFunctionRow,
  rowFunctionsText,
} from './function-rows.ts'
import { type Key, type KeyRow, keysText, readKey } from './key-rows.ts'
import { type RelationRow, relationsText } from './relation-rows.ts'
import { readView, type View } from './view-columns.ts'
import { type ViewRow, viewsText } from './view-rows.ts'

/** What the statements tell, each by itself. */
export interface Facts {
  readonly relations: readonly RelationRow[]
  readonly columns: readonly ColumnsRow[]
  readonly keys: readonly Key[]
  readonly views: readonly View[]
  readonly functions: readonly CatalogFunction[]
  readonly rowFunctions: readonly RowFunctionRow[]
  readonly handlers: readonly HandlerRow[]
  readonly comments: readonly [schema: string, comment: string][]
  readonly timeZones: readonly string[]
}

/**
 * Rows fetched and decoded at a time: a few milliseconds of JavaScript. Between two batches whatever else the process
 * does has its turn.
 */
const BATCH_ROWS = 100

/** The names `set time zone` takes besides offsets and abbreviations. */
const timeZonesText = 'select name from pg_catalog.pg_timezone_names order by name collate "C"'

interface CommentRow {
  readonly schema: string
  readonly comment: string
}

const commentsText = `
select n.nspname as schema, s.description as comment from pg_catalog.pg_namespace n
join pg_catalog.pg_description s
  on s.objoid = n.oid and s.classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
where n.nspname = any($1::text[])`

/** One statement after the other, as they share a connection where `from` is a transaction. */
export async function readFacts(
  from: Queryable,
  schemas: readonly string[],
  extraSearchPath: readonly string[],
): Promise<Facts> {
  const options = { settings: { search_path: '' }, batchRows: BATCH_ROWS }
  const rows = <Row>(text: string, ...values: readonly Value[]): AsyncIterable<Row> =>
    from.stream<Row>(text, values, options)
  return {
    relations: await Array.fromAsync(rows<RelationRow>(relationsText, schemas)),
    columns: await Array.fromAsync(rows<ColumnsRow>(columnsText, schemas)),
    keys: await Array.fromAsync(rows<KeyRow>(keysText), readKey),
    views: await Array.fromAsync(rows<ViewRow>(viewsText, [...schemas, ...extraSearchPath]), readView),
    functions: await Array.fromAsync(rows<FunctionRow>(functionsText, schemas), readFunction),
    rowFunctions: await Array.fromAsync(rows<RowFunctionRow>(rowFunctionsText, schemas, extraSearchPath)),
    handlers: await Array.fromAsync(rows<HandlerRow>(handlersText, schemas)),
    comments: await Array.fromAsync(rows<CommentRow>(commentsText, schemas), ({ schema, comment }) => [
      schema,
      comment,
    ]),
    timeZones: await Array.fromAsync(rows<{ readonly name: string }>(timeZonesText), ({ name }) => name),
  }
}
