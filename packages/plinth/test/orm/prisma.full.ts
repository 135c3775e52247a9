import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { PrismaPg } from '@prisma/adapter-pg'
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

const PrismaClient = await generate()

await acceptOrm('Prisma', async (pool): Promise<Orm> => {
  const client = new PrismaClient({ adapter: new PrismaPg(pool) })
  return {
    insert: (id) => client.item.create({ data: { id } }),
    transaction: (work) => client.$transaction((tx) => work(inside(tx))),
    close: () => client.$disconnect(),
  }
})

/** Generates the client where `@prisma/client` is found and git does not look. */
async function generate(): Promise<new (options: { readonly adapter: PrismaPg }) => Client> {
  const root = join(import.meta.dirname, '../../../../node_modules')
  const folder = join(root, '.plinth-prisma')
  const schema = join(folder, 'schema.prisma')
  await mkdir(folder, { recursive: true })
  await writeFile(
    schema,
    `generator client {
      provider = "prisma-client-js"
      output   = "${join(folder, 'client')}"
    }
    datasource db {
      provider = "postgresql"
    }
    model item {
      id   Int     @id
      name String?
    }`,
  )
  // Prisma would download an engine for migrations, which generating does not need.
  const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' }
  const cli = join(root, 'prisma/build/index.js')
  await promisify(execFile)(process.execPath, [cli, 'generate', '--schema', schema], { env, cwd: folder })
  return createRequire(import.meta.url)(join(folder, 'client')).PrismaClient
}
