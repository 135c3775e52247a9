import type { Catalog, CatalogRelation } from 'plinth/operation'

/** Where names of a level are looked up. */
export interface Scope {
  readonly catalog: Catalog
  /** Absent: the rows come from a function and are of no relation. */
  readonly relation?: CatalogRelation
  /** Of such rows, where the catalog knows them; a name that is not there is refused later, for `/-/run` too. */
  readonly columns?: ReadonlyMap<string, { readonly type: string }>
  /** Of the relation or function, for errors. */
  readonly name: string
  readonly schema: string
  readonly hasAggregates: boolean
}
