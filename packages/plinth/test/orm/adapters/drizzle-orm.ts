import type { Pool } from 'pg'
import type { Orm, OrmTransaction } from '../orm.ts'

/** What a database handle and a transaction have in both versions of Drizzle. */
interface Handle<Table, Raw> {
  insert(table: Table): { values(row: { readonly id: number }): { execute(): Promise<unknown> } }
  execute(statement: Raw): PromiseLike<unknown>
  transaction(work: (tx: Handle<Table, Raw>) => Promise<unknown>): Promise<unknown>
}

interface Version<Table, Raw> {
  readonly db: Handle<Table, Raw>
  readonly item: Table
  readonly raw: (text: string) => Raw
  readonly pool: Pool
}

/** Drizzle leaves closing to the owner of the pool. */
export function drizzleOrm<Table, Raw>({ db, item, raw, pool }: Version<Table, Raw>): Orm {
  const inside = (handle: Handle<Table, Raw>): OrmTransaction & Required<Pick<OrmTransaction, 'nested'>> => ({
    insert: (id) => handle.insert(item).values({ id }).execute(),
    run: async (text) => await handle.execute(raw(text)),
    nested: (work) => handle.transaction((inner) => work(inside(inner))),
  })
  const root = inside(db)
  return { ...root, transaction: (work) => root.nested(work), close: () => pool.end() }
}
