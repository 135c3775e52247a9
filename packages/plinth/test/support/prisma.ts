import { execFile } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { PrismaPg } from '@prisma/adapter-pg'

/** Generates the client for `models` in a folder `name` where `@prisma/client` is found and git does not look. */
export async function generatePrisma<Client>(
  name: string,
  models: string,
): Promise<new (options: { readonly adapter: PrismaPg }) => Client> {
  const root = join(import.meta.dirname, '../../../../node_modules')
  const folder = join(root, `.plinth-prisma-${name}`)
  const schema = join(folder, 'schema.prisma')
  // What a killed run has left half written, Prisma would refuse to read.
  await rm(folder, { recursive: true, force: true })
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
    ${models}`,
  )
  // Prisma would download an engine for migrations, which generating does not need.
  const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' }
  const cli = join(root, 'prisma/build/index.js')
  await promisify(execFile)(process.execPath, [cli, 'generate', '--schema', schema], { env, cwd: folder })
  return createRequire(import.meta.url)(join(folder, 'client')).PrismaClient
}
