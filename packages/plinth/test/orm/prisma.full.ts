import { PrismaPg } from '@prisma/adapter-pg'
import { generatePrisma } from '../support/prisma.ts'
import { acceptOrm, type Orm, type OrmTransaction } from './acceptance.ts'

/** Of the client that Prisma generates, what the tests call. */
interface Client {
  readonly item: { create(row: { readonly data: { readonly id: number } }): Promise<unknown> }
  $executeRawUnsafe(text: string): Promise<unknown>
  $transaction(work: (tx: Client) => Promise<unknown>): Promise<unknown>
  $disconnect(): Promise<void>
}

const inside = (tx: Client): OrmTransaction => ({
  insert: (id) => tx.item.create({ data: { id } }),
  run: (text) => tx.$executeRawUnsafe(text),
})

const PrismaClient = await generatePrisma<Client>(
  'tests',
  `model item {
    id   Int     @id
    name String?
  }`,
)

await acceptOrm('Prisma', async (pool): Promise<Orm> => {
  const client = new PrismaClient({ adapter: new PrismaPg(pool) })
  return {
    insert: (id) => client.item.create({ data: { id } }),
    transaction: (work) => client.$transaction((tx) => work(inside(tx))),
    close: () => client.$disconnect(),
  }
})
