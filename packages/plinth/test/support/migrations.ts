import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, beforeEach } from 'node:test'
import { createDatabase, type Database, installSchema } from '../../src/index.ts'
import { type Activity, watchActivity } from './activity.ts'
import { testDatabase } from './database.ts'

interface MigratedDatabase {
  readonly url: string
  readonly db: Database
  readonly activity: Activity
  /** As before the first migration. */
  readonly empty: () => Promise<unknown>
}

/** A database with Plinth's own tables for a file of tests, empty again before each of them. */
export async function migratedDatabase(max = 2): Promise<MigratedDatabase> {
  const { url } = await testDatabase()
  const activity = await watchActivity(url)
  const db = createDatabase({ url, pool: { max }, service: 'migrator' })
  const empty = (): Promise<unknown> =>
    activity.query(
      `drop schema if exists drizzle cascade; drop schema public cascade; create schema public;
       truncate plinth.migration, plinth.migration_history`,
    )
  after(() => activity.close())
  after(() => db.close())
  before(() => installSchema(db))
  beforeEach(empty)
  return { url, db, activity, empty }
}

/** A new folder with these files, by their paths inside it. It is removed when the file of tests has ended. */
export function migrationFolder(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'plinth-migrations-'))
  after(() => rmSync(folder, { recursive: true }))
  addFiles(folder, files)
  return folder
}

export function addFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}
