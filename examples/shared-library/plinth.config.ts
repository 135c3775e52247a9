import { readFileSync } from 'node:fs'
import { defineConfig } from '@plinth/cli'

/** Of the database that npm run dev has started, where it is running. */
function developmentUrl(): string | undefined {
  try {
    return readFileSync(new URL('.plinth/database-url', import.meta.url), 'utf8')
  } catch {
    return undefined
  }
}

// For the command plinth: npm run plinth -- migrate status, npm run plinth -- migrate generate longer_titles.
export default defineConfig({
  url: process.env['DATABASE_URL'] ?? developmentUrl() ?? 'postgres://localhost/library',
  migrations: 'database/migrations',
  seeds: 'database/seeds',
  entities: './database/src/entities.ts',
})
