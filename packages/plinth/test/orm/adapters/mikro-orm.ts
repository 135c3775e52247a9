import { type EntityManager, EntitySchema, MikroORM, PostgreSqlDriver } from '@mikro-orm/postgresql'
import { PostgresDialect } from 'kysely'
import type { Pool } from 'pg'
import type { Orm, OrmTransaction } from '../orm.ts'

const Item = new EntitySchema<{ id: number }>({
  name: 'Item',
  tableName: 'item',
  properties: { id: { type: 'integer', primary: true } },
})

const inside = (tx: EntityManager): OrmTransaction => ({
  insert: (id) => tx.insert(Item, { id }),
  run: (text) => tx.execute(text),
  nested: (work) => tx.transactional((inner) => work(inside(inner))),
})

export async function open(pool: Pool): Promise<Orm> {
  const orm = await MikroORM.init({
    driver: PostgreSqlDriver,
    entities: [Item],
    dbName: 'postgres',
    driverOptions: new PostgresDialect({ pool }),
  })
  return {
    insert: (id) => orm.em.fork().insert(Item, { id }),
    run: (text) => orm.em.fork().execute(text),
    transaction: (work) => orm.em.fork().transactional((tx) => work(inside(tx))),
    close: () => orm.close(),
  }
}
