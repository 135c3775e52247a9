/** A column of a relation: its id in pg_class and its number there. */
export interface Origin {
  readonly id: number
  readonly number: number
}

/** What can begin, end or be a node's field that is looked for; an escaped character is none of them. */
const tokens = /\\[^]|[{}]|:(resno|resorigtbl|resorigcol) (\d+)/g

/** The query is the one outermost node, and the entries of its target list are right inside it. */
const ENTRY_DEPTH = 2

/**
 * Which column of which relation each column of a view shows, by the number in the view; a column that is an expression
 * has no entry. `definition` is the action of the view's rule as PostgreSQL stores it, a tree of nodes as text:
 *
 *     ({QUERY … :targetList ({TARGETENTRY :expr {VAR …} :resno 1 … :resorigtbl 16385 :resorigcol 2 …}) …})
 *
 * PostgreSQL notes the origin for the protocol's row description, where a client sees it too, but only by preparing the
 * view's query, which takes the right to use the schemas of its tables. The text is no stable interface: this rests on
 * braces around nodes, backslashes before special characters in names, and these three fields, as they have been since
 * PostgreSQL 8. Run on PostgreSQL 15 and 18.
 */
export function readOrigins(definition: string): ReadonlyMap<number, Origin> {
  const origins = new Map<number, Origin>()
  let depth = 0
  let column = 0
  let id = 0
  for (const [token, field, digits] of definition.matchAll(tokens)) {
    if (token === '{') depth++
    else if (token === '}') depth--
    if (depth !== ENTRY_DEPTH || field === undefined) continue
    const value = Number(digits)
    if (field === 'resno') column = value
    else if (field === 'resorigtbl') id = value
    else if (id !== 0) origins.set(column, { id, number: value })
  }
  return origins
}
