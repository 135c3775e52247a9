import { PrismaPg } from '@prisma/adapter-pg'
import { generatePrisma } from '../../packages/plinth/test/support/prisma.ts'
import type { Contestant } from '../contestant.ts'
import { type Entry, type User, userOf } from '../sample.ts'
import { openPool } from './pg.ts'

const models = `
  model users {
    id     Int      @id
    name   String
    email  String
    age    Int
    active Boolean
    last   Int?
    joined DateTime @db.Timestamptz(6)
  }
  model entries {
    id     Int      @id @default(autoincrement())
    author Int
    note   String
    made   DateTime @default(dbgenerated("now()")) @db.Timestamptz(6)
  }`

/** Of the client that Prisma generates, what is measured. */
interface Client {
  readonly users: {
    findUniqueOrThrow(query: { readonly where: { readonly id: number } }): Promise<User>
    updateMany(change: { readonly where: { readonly id: number }; readonly data: object }): Promise<unknown>
  }
  readonly entries: { create(row: { readonly data: object }): Promise<Entry> }
  $transaction<R>(work: (tx: Client) => Promise<R>): Promise<R>
  $disconnect(): Promise<void>
}

export async function prisma(url: string): Promise<Contestant> {
  const PrismaClient = await generatePrisma<Client>(models)
  const pool = openPool(url)
  const client = new PrismaClient({ adapter: new PrismaPg(pool) })
  return {
    name: 'Prisma',
    works: {
      'short transaction': (n) =>
        client.$transaction((tx) => tx.entries.create({ data: { author: userOf(n), note: `note ${n}` } })),
      transaction: (n) =>
        client.$transaction(async (tx) => {
          const { id } = await tx.users.findUniqueOrThrow({ where: { id: userOf(n) } })
          const entry = await tx.entries.create({ data: { author: id, note: `note ${n}` } })
          await tx.users.updateMany({ where: { id }, data: { last: entry.id } })
          return entry
        }),
    },
    [Symbol.asyncDispose]: async () => {
      await client.$disconnect()
      await pool.end()
    },
  }
}
