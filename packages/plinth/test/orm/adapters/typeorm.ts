import pg from 'pg'
import { DataSource, type EntityManager, EntitySchema } from 'typeorm'
import type { Orm, OrmTransaction } from '../orm.ts'

const Item = new EntitySchema<{ id: number }>({
  name: 'item',
  columns: { id: { type: 'int', primary: true } },
})

const inside = (tx: EntityManager): OrmTransaction => ({
  insert: (id) => tx.insert(Item, { id }),
  run: (text) => tx.query(text),
  nested: (work) => tx.transaction((inner) => work(inside(inner))),
})

export async function open(pool: pg.Pool): Promise<Orm> {
  const Pool = function give() {
    return pool
  }
  const source = new DataSource({ type: 'postgres', driver: { ...pg, Pool }, entities: [Item] })
  await source.initialize()
  return {
    insert: (id) => source.manager.insert(Item, { id }),
    run: (text) => source.query(text),
    transaction: (work) => source.transaction((tx) => work(inside(tx))),
    close: () => source.destroy(),
  }
}
