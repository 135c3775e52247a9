import type { Catalog, CatalogRelation } from 'plinth/operation'
import { canonicalQuery } from '../query/canonical-query.ts'
import type { Level } from '../query/level.ts'
import { parseParameters } from '../query/parameters.ts'
import { limitedTo, parseRange } from '../query/range.ts'
import type { Asked } from './asked.ts'
import type { Envelope } from './envelope.ts'
import { methodNotSupported } from './refusals.ts'
import { acceptRows, nameOf, type TableRequest } from './table-asking.ts'
import { checkPut, readDelete, readInsert, readPut, readUpdate } from './write-request.ts'

/** A request on a table or view. */
export function readTableRequest(envelope: Envelope, relation: CatalogRelation, catalog: Catalog): Asked {
  const { schema, dialect, budget, target } = envelope
  const scope = { catalog, relation, name: relation.name, schema, hasAggregates: dialect.hasAggregates }
  const check = envelope.request.method === 'PUT' ? (root: Level) => checkPut(root, relation) : undefined
  const given = parseParameters(target.parameters, scope, budget, check)
  const asking = { envelope, relation, given, catalog }
  switch (envelope.request.method) {
    case 'GET':
    case 'HEAD':
      return readSelect(asking)
    case 'POST':
      return readInsert(asking)
    case 'PUT':
      return readPut(asking)
    case 'PATCH':
      return readUpdate(asking)
    case 'DELETE':
      return readDelete(asking)
    default:
      throw methodNotSupported(envelope.request.method)
  }
}

function readSelect(asking: TableRequest): Asked {
  const { envelope, relation, given } = asking
  const { request, form, target } = envelope
  const header = request.method === 'GET' ? request.headers.get('range') : undefined
  const range = parseRange(given.limit, given.offset, header)
  return {
    operation: {
      kind: 'select',
      target: nameOf(relation),
      columns: given.select,
      ...(given.where && { where: given.where }),
      ...(given.order && { order: given.order }),
      ...range,
      result: 'rows',
    },
    form: {
      ...form,
      ...acceptRows(asking, given.select),
      ...limitedTo(range, envelope.dialect),
      contentLocation: `/${encodeURIComponent(relation.name)}${canonicalQuery(target.parameters)}`,
    },
  }
}
