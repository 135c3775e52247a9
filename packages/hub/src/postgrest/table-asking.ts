import type { Outputs } from 'plinth'
import type { Catalog, CatalogRelation } from 'plinth/operation'
import type { Parameters } from '../query/parameters.ts'
import type { Envelope } from './envelope.ts'
import { negotiate } from './media-type.ts'

/** What of a request on a table its method does not matter to. */
export interface TableRequest {
  readonly envelope: Envelope
  readonly relation: CatalogRelation
  readonly given: Parameters
  readonly catalog: Catalog
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
