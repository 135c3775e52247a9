import type { Outputs } from 'plinth'
import type { Catalog, CatalogRelation } from 'plinth/operation'
import type { Asked } from './asked.ts'
import type { Envelope } from './envelope.ts'
import { negotiate } from './media-type.ts'
import { type Parameters, parseParameters } from './parameters.ts'
import { limitedTo, parseRange } from './range.ts'
import { methodNotSupported } from './refusals.ts'
import { canonicalQuery } from './canonical-query.ts'
import { readDelete, readInsert, readPut, readUpdate } from './write-request.ts'

/** What of a request on a table its method does not matter to. */
export interface TableRequest {
  readonly envelope: Envelope
  readonly relation: CatalogRelation
  readonly given: Parameters
  readonly catalog: Catalog
}

/** A request on a table or view. */
export function readTableRequest(envelope: Envelope, relation: CatalogRelation, catalog: Catalog): Asked {
  const { schema, dialect, budget, target } = envelope
  const scope = { catalog, relation, name: relation.name, schema, hasAggregates: dialect.hasAggregates }
  const given = parseParameters(target.parameters, scope, budget)
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

/** An aggregate whose argument is a row of the relation takes no other rows. */
export function acceptRows(
  { envelope, relation, catalog }: TableRequest,
  select: Outputs,
): ReturnType<typeof negotiate> {
  const own = select === 'all' ? relation.handlers : []
  return negotiate(envelope.accepts, { own, row: nameOf(relation), any: catalog.handlers })
}

export function nameOf({ schema, name }: CatalogRelation): { schema: string; name: string } {
  return { schema, name }
}
