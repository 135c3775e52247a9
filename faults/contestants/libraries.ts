import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { CompiledQuery, Kysely, PostgresDialect } from 'kysely'
import type { Ask, OpenContestant, Row } from '../contestant.ts'
import { again } from './pg.ts'
import { onPgPool } from './pg-pool.ts'

// Transactions as each library's documentation has them, on db.pgPool().

export const openKysely: OpenContestant = onPgPool((pool) => {
  const kysely = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  const ask =
    (runner: Kysely<unknown>): Ask =>
    async (text, values) =>
      (await runner.executeQuery<Row>(CompiledQuery.raw(text, [...values]))).rows
  return {
    single: ask(kysely),
    transaction: (work, { isolation }) =>
      again(() => {
        const transaction = kysely.transaction()
        const begun = isolation ? transaction.setIsolationLevel(isolation) : transaction
        return begun.execute((trx) => work(ask(trx)))
      }),
  }
})

export const openDrizzle: OpenContestant = onPgPool((pool) => {
  const root = drizzle({ client: pool })
  const ask =
    (runner: Pick<typeof root, 'execute'>): Ask =>
    async (text, values) =>
      (await runner.execute<Row>(bound(text, values))).rows
  return {
    single: ask(root),
    transaction: (work, { isolation }) =>
      again(() => root.transaction((tx) => work(ask(tx)), isolation && { isolationLevel: isolation })),
  }
})

/** `$1` and so on as Drizzle's own parameters. */
function bound(text: string, values: Parameters<Ask>[1]): ReturnType<typeof sql.join> {
  const parts = text
    .split(/\$(\d+)/)
    .map((part, at) => (at % 2 === 0 ? sql.raw(part) : sql`${values[Number(part) - 1]}`))
  return sql.join(parts)
}
