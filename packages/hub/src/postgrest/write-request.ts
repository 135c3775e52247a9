import type { Insert } from 'plinth'
import type { CatalogRelation } from 'plinth/operation'
import type { Asked, Form } from './asked.ts'
import { allowedRows } from './envelope.ts'
import { rowsToInsert, rowsToPut, valuesToSet } from './payload.ts'
import { filtersOfPut, notImplemented, rangeOfPut } from './refusals.ts'
import type { Level } from '../query/level.ts'
import { parsersOf } from '../query/representation.ts'
import { readRows } from './request-body.ts'
import { acceptRows, nameOf, type TableRequest } from './table-asking.ts'
import { unknownWriteColumn } from './unknown-names.ts'

export function readInsert(asking: TableRequest): Asked {
  const { envelope, relation, given } = asking
  refuseUnread(asking, ['where', 'limit', 'offset'])
  const { missing, resolution } = envelope.preferences
  const payload = rowsToInsert(readRows(envelope), columnsToWrite(asking), missing ?? 'null', envelope.limits)
  const parsers = parsersOf(relation, payload.rows, payload.columns)
  const written = { target: nameOf(relation), ...payload, ...parsers, ...returning(asking), result: 'rows' as const }
  const conflict = given.onConflict ?? relation.primaryKey
  const applied = missing === undefined ? {} : { missing }
  if (resolution === undefined || conflict.length === 0)
    return { operation: { kind: 'insert', ...written }, form: writeForm(asking, 'create', applied) }
  const action = resolution === 'merge-duplicates' ? 'update' : 'ignore'
  return {
    operation: { kind: 'upsert', ...written, conflict, action },
    form: writeForm(asking, 'create', { ...applied, resolution }),
  }
}

/** What a URL must say for a PUT, told before a name in it that is none: `id=eq.7` for each column of the key alone. */
export function checkPut({ conditions, limit, offset }: Level, { primaryKey }: CatalogRelation): void {
  if (limit !== undefined || offset !== undefined) throw rangeOfPut()
  const named = conditions.map((one) =>
    one.kind === 'compare' && one.operator === 'eq' && one.path === undefined ? one.column : undefined,
  )
  const isKey = named.length === primaryKey.length && primaryKey.every((column) => named.includes(column))
  if (primaryKey.length === 0 || !isKey) throw filtersOfPut()
}

/**
 * The row that the URL names by its whole key: made, or written over. The condition holds for the row of the body, so
 * one with another key is not written.
 */
export function readPut(asking: TableRequest): Asked {
  const { envelope, relation, given } = asking
  const rows = rowsToPut(readRows(envelope), columnsToWrite(asking))
  return {
    operation: {
      kind: 'upsert',
      target: nameOf(relation),
      rows,
      ...parsersOf(relation, rows),
      ...(given.where && { where: given.where }),
      conflict: relation.primaryKey,
      action: 'update',
      ...returning(asking),
      result: 'rows',
    },
    form: { ...writeForm(asking, 'put', {}), allowedRows: { least: 1, most: 1 } },
  }
}

/** Looked up here already: names that are none would first be filled into every row. */
function columnsToWrite({ relation, given }: TableRequest): readonly string[] | undefined {
  const unknown = given.columns?.find((column) => !relation.columns.has(column))
  if (unknown !== undefined) throw unknownWriteColumn(relation, unknown)
  return given.columns
}

export function readUpdate(asking: TableRequest): Asked {
  refuseUnread(asking, ['limit', 'offset'])
  const { envelope, relation, given } = asking
  const { missing, maxAffected } = envelope.preferences
  const changes = valuesToSet(readRows(envelope), columnsToWrite(asking), missing ?? 'null')
  const form = writeForm(asking, 'change', { ...(missing && { missing }), ...affecting(maxAffected) })
  const target = nameOf(relation)
  // Nothing to set changes nothing: no row, but the same errors for what the URL says.
  if (Object.keys(changes.set).length === 0 && changes.defaults === undefined) {
    const where = given.where && { where: given.where }
    const none = { kind: 'select', target, columns: given.select, ...where, limit: 0, result: 'rows' } as const
    const { count: _count, ...uncounted } = form
    return { operation: none, form: uncounted }
  }
  const where = given.where ?? 'every row'
  const written = { ...changes, ...parsersOf(relation, [changes.set]) }
  return { operation: { kind: 'update', target, ...written, where, ...returning(asking), result: 'rows' }, form }
}

export function readDelete(asking: TableRequest): Asked {
  refuseUnread(asking, ['limit', 'offset'])
  const { relation, given, envelope } = asking
  const where = given.where ?? 'every row'
  return {
    operation: { kind: 'delete', target: nameOf(relation), where, ...returning(asking), result: 'rows' },
    form: writeForm(asking, 'remove', affecting(envelope.preferences.maxAffected)),
  }
}

const affecting = (most: number | undefined): Honoured => (most === undefined ? {} : { maxAffected: most })

/** What a write reads back: the selected columns, the key for Location (as text: no digit is lost), or nothing. */
function returning({ envelope, relation, given }: TableRequest): Pick<Insert, 'returning' | 'order'> {
  const { preferences, request } = envelope
  if (preferences.return === 'representation')
    return { returning: given.select, ...(given.order && { order: given.order }) }
  const isLocated = preferences.return === 'headers-only' && request.method === 'POST'
  if (!isLocated || relation.primaryKey.length === 0) return {}
  return { returning: relation.primaryKey.map((column) => ({ column, cast: 'text' })) }
}

type Honoured = Pick<Form['applied'], 'missing' | 'resolution' | 'maxAffected'>

function writeForm(asking: TableRequest, verb: Form['verb'], honoured: Honoured): Form {
  const { envelope, given } = asking
  const { return: answer, handling } = envelope.preferences
  const accepted = acceptRows(asking, given.select)
  const { maxRows: _maxRows, ...form } = envelope.form
  const isLocated = answer === 'headers-only' && verb === 'create'
  const body = answer === 'representation' ? 'full' : isLocated ? 'location' : 'none'
  return {
    ...form,
    ...accepted,
    // The rows that Location is made of are read as JSON, whatever the client takes.
    ...(body === 'full' ? {} : { format: { kind: 'array' } }),
    ...allowedRows(accepted.isSingular, { ...honoured, ...(handling && { handling }) }),
    verb,
    body,
    applied: { ...form.applied, ...honoured, ...(answer && { return: answer }) },
  }
}

/** A limit that is not kept would write more than was asked for: PostgREST 16 does not read it, we refuse it. */
function refuseUnread({ envelope, given }: TableRequest, names: readonly ('limit' | 'offset' | 'where')[]): void {
  const { dialect, request } = envelope
  const unread = dialect.isPostgrest ? undefined : names.find((name) => given[name] !== undefined)
  if (unread !== undefined) throw notImplemented(`${unread === 'where' ? 'filters' : unread} on ${request.method}`)
}
