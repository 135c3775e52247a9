import type { Database } from '../database/queryable.ts'

export interface CheckConstraint {
  readonly schema: string
  readonly table: string
  readonly constraint: string
}

export type ColumnsOfCheck = (check: CheckConstraint) => Promise<readonly string[] | undefined>

/** Constraints that are remembered; at one more all are forgotten. */
const mostKnown = 500

/** It only makes an answer more useful, so nobody waits long for it. */
const patienceMs = 500

const question = `select coalesce(array_agg(a.attname order by a.attnum), '{}') as columns
  from pg_catalog.pg_constraint c
    join pg_catalog.pg_class r on r.oid = c.conrelid
    join pg_catalog.pg_namespace n on n.oid = r.relnamespace
    join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = any(c.conkey)
  where n.nspname = $1 and r.relname = $2 and c.conname = $3`

/**
 * PostgreSQL says which check a row violated and not which columns it is about; the catalog knows. Asked once for each
 * constraint.
 */
export function checkColumns(db: Database): ColumnsOfCheck {
  const known = new Map<string, ReturnType<ColumnsOfCheck>>()
  return ({ schema, table, constraint }) => {
    const names = [schema, table, constraint]
    const key = names.join('\0')
    const found = known.get(key)
    if (found) return found
    if (known.size >= mostKnown) known.clear()
    const asked = ask(db, names)
    known.set(key, asked)
    // Not told: the database was away, or had no connection free.
    void asked.then((columns) => columns ?? known.delete(key))
    return asked
  }
}

async function ask(db: Database, names: readonly string[]): Promise<readonly string[] | undefined> {
  // Without an answer the problem has no fields.
  const rows = await db.query<{ columns: readonly string[] }>(question, names, { timeoutMs: patienceMs }).then(
    (answer) => answer.rows,
    () => [],
  )
  return rows[0]?.columns
}
