import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { PrismaPg } from '@prisma/adapter-pg'

const root = join(import.meta.dirname, '../../../../node_modules')

/** Generates the client for `models` in a folder of this process, where `@prisma/client` is found and git does not look. */
export async function generatePrisma<Client>(
  models: string,
): Promise<new (options: { readonly adapter: PrismaPg }) => Client> {
  // Test files run side by side: in one folder for all, a file would load a client that another is still writing.
  const folder = await mkdtemp(join(root, '.plinth-prisma-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const schema = join(folder, 'schema.prisma')
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

/**
 * The statement by which the engine of Prisma's migrations makes its table, as it stands in the installed engine. The
 * engine itself cannot be run here: its program is downloaded from Prisma's own server, and npm has none.
 */
export async function prismaMigrationsTable(): Promise<string> {
  const engine = await readFile(join(root, 'prisma/build/schema_engine_bg.wasm'), 'latin1')
  const statement = /CREATE TABLE _prisma_migrations \([^;]*TIMESTAMPTZ[^;]*\);/.exec(engine)?.[0]
  assert.ok(statement, 'the installed Prisma has no such statement')
  return statement
}
