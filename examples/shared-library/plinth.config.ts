import { defineConfig } from '@plinth/cli'

// For the command plinth: npm run plinth -- migrate status, npm run plinth -- migrate generate longer_titles.
export default defineConfig({
  url: process.env['DATABASE_URL'] ?? 'postgres://localhost/library',
  migrations: 'database/migrations',
  seeds: 'database/seeds',
  entities: './database/src/entities.ts',
})
