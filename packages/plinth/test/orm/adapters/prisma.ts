import { PrismaPg } from '@prisma/adapter-pg'
import type { Pool } from 'pg'
import { generatePrisma } from '../../support/prisma.ts'
import type { Orm, OrmTransaction } from '../orm.ts'

interface TransactionTimes {
  readonly maxWait: number
  readonly timeout: number
}

/** Of the client that Prisma generates, what the tests call. */
interface Client {
  readonly item: { create(row: { readonly data: { readonly id: number } }): Promise<unknown> }
  $executeRawUnsafe(text: string): Promise<unknown>
  $transaction(work: (tx: Client) => Promise<unknown>, times: TransactionTimes): Promise<unknown>
  $disconnect(): Promise<void>
}

/** Prisma's own 2 s for BEGIN are as long as a dead connection is given for its answer. */
const times: TransactionTimes = { maxWait: 10_000, timeout: 20_000 }

const inside = (tx: Client): OrmTransaction => ({
  insert: (id) => tx.item.create({ data: { id } }),
  run: (text) => tx.$executeRawUnsafe(text),
})

const PrismaClient = await generatePrisma<Client>(
  `model item {
    id   Int     @id
    name String?
  }`,
)

export async function open(pool: Pool): Promise<Orm> {
  const client = new PrismaClient({ adapter: new PrismaPg(pool) })
  return {
    ...inside(client),
    transaction: (work) => client.$transaction((tx) => work(inside(tx)), times),
    close: () => client.$disconnect(),
  }
}
