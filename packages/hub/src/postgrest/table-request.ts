import type { Catalog, CatalogRelation } from 'plinth/operation'
import type { Asked, Form } from './asked.ts'
import { allowedRows, type Envelope, refuseOnWrite } from './envelope.ts'
import { parseJson } from './json.ts'
import { checkContentType } from './media-type.ts'
import { type Parameters, parseParameters } from './parameters.ts'
import { rowsToInsert, valuesToSet } from './payload.ts'
import { parseRange } from './range.ts'
import { methodNotSupported } from './refusals.ts'

/** A request on a table or view. */
export function readTableRequest(envelope: Envelope, relation: CatalogRelation, catalog: Catalog): Asked {
  const { schema, dialect, budget } = envelope
  const scope = {
    catalog,
    relation,
    name: relation.name,
    schema,
    hasAggregates: dialect.hasAggregates,
  }
  const parameters = parseParameters(envelope.target.parameters, scope, budget)
  switch (envelope.request.method) {
    case 'GET':
    case 'HEAD':
      return readSelect(envelope, relation, parameters)
    case 'POST':
      return readInsert(envelope, relation, parameters)
    case 'PATCH':
      return readUpdate(envelope, relation, parameters)
    case 'DELETE':
      return readDelete(envelope, relation, parameters)
    default:
      throw methodNotSupported(envelope.request.method)
  }
}

function readSelect({ request, form }: Envelope, relation: CatalogRelation, given: Parameters): Asked {
  const header = request.method === 'GET' ? request.headers.get('range') : undefined
  const { offset, limit } = parseRange(given.limit, given.offset, header)
  return {
    operation: {
      kind: 'select',
      target: nameOf(relation),
      columns: given.select,
      ...(given.where && { where: given.where }),
      ...(given.order && { order: given.order }),
      ...(limit === undefined ? {} : { limit }),
      offset,
      result: 'rows',
    },
    form,
  }
}

function readInsert(envelope: Envelope, relation: CatalogRelation, given: Parameters): Asked {
  refuseOnWrite(
    { filters: given.where, order: given.order, limit: given.limit, offset: given.offset },
    ['filters', 'order', 'limit', 'offset'],
    'POST',
  )
  const { preferences, limits } = envelope
  const missing = preferences.missing ?? 'null'
  const { rows, columns } = rowsToInsert(readBody(envelope), given.columns, missing, limits)
  const written = {
    target: nameOf(relation),
    rows,
    ...returning(envelope, relation, given),
    result: 'rows' as const,
  }
  const conflict = given.onConflict ?? relation.primaryKey
  const { resolution } = preferences
  if (resolution === undefined || conflict.length === 0) {
    const form = writeForm(envelope, 'create', { missing: preferences.missing })
    return { operation: { kind: 'insert', ...written, ...(columns && { columns }) }, form }
  }
  const action = resolution === 'merge-duplicates' ? 'update' : 'ignore'
  return {
    operation: { kind: 'upsert', ...written, conflict, action },
    form: writeForm(envelope, 'create', { missing: preferences.missing, resolution }),
  }
}

function readUpdate(envelope: Envelope, relation: CatalogRelation, given: Parameters): Asked {
  refuseOnWrite({ ...given }, ['order', 'limit', 'offset', 'onConflict'], 'PATCH')
  refuseOnWrite(
    { 'missing=default': envelope.preferences.missing === 'default' || undefined },
    ['missing=default'],
    'PATCH',
  )
  const set = valuesToSet(readBody(envelope), given.columns)
  const target = nameOf(relation)
  const form = writeForm(envelope, 'change', { missing: envelope.preferences.missing })
  // Nothing to set changes nothing: no row, but the same errors for what the URL says.
  if (Object.keys(set).length === 0) {
    const where = given.where && { where: given.where }
    const none = { kind: 'select', target, columns: given.select, ...where, limit: 0, result: 'rows' } as const
    return { operation: none, form: { ...form, exactCount: false } }
  }
  return {
    operation: {
      kind: 'update',
      target,
      set,
      where: given.where ?? 'every row',
      ...returning(envelope, relation, given),
      result: 'rows',
    },
    form,
  }
}

function readDelete(envelope: Envelope, relation: CatalogRelation, given: Parameters): Asked {
  refuseOnWrite({ ...given }, ['order', 'limit', 'offset', 'columns', 'onConflict'], 'DELETE')
  return {
    operation: {
      kind: 'delete',
      target: nameOf(relation),
      where: given.where ?? 'every row',
      ...returning(envelope, relation, given),
      result: 'rows',
    },
    form: writeForm(envelope, 'remove', {}),
  }
}

function nameOf({ schema, name }: CatalogRelation): { schema: string; name: string } {
  return { schema, name }
}

function readBody({ request, limits }: Envelope): ReturnType<typeof parseJson> {
  checkContentType(request.headers.get('content-type'))
  return parseJson(request.body, limits)
}

/** What a write reads back: the selected columns, the key for Location (as text: no digit is lost), or nothing. */
function returning(
  { preferences }: Envelope,
  relation: CatalogRelation,
  given: Parameters,
): { returning?: Parameters['select'] } {
  if (preferences.return === 'representation') return { returning: given.select }
  const isLocated = preferences.return === 'headers-only' && relation.primaryKey.length > 0
  return isLocated ? { returning: relation.primaryKey.map((column) => ({ column, cast: 'text' })) } : {}
}

function writeForm(
  envelope: Envelope,
  verb: Form['verb'],
  honoured: { [K in 'missing' | 'resolution']?: Form['applied'][K] | undefined },
): Form {
  const { form, preferences } = envelope
  const body =
    preferences.return === 'representation' ? 'full' : preferences.return === 'headers-only' ? 'location' : 'none'
  const { missing, resolution } = honoured
  const { maxAffected } = preferences
  return {
    ...form,
    ...allowedRows(envelope),
    verb,
    body,
    applied: {
      ...form.applied,
      ...(missing && { missing }),
      ...(resolution && { resolution }),
      ...(preferences.return && { return: preferences.return }),
      ...(maxAffected === undefined ? {} : { maxAffected }),
    },
  }
}
