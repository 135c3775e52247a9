import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { startEmbedded } from 'plinth/embedded'

// The whole system on this machine, without Docker: npm run dev. PostgreSQL comes with npm, its data stays in .plinth/.
// Redis is used where one listens on REDIS_URL (redis://127.0.0.1:6379); without it the services are degraded.

const folder = fileURLToPath(new URL('.', import.meta.url))
const postgres = await startEmbedded({ dataDir: `${folder}.plinth/data`, database: 'library' })

const start = (file: string): Promise<unknown> => {
  const env = { ...process.env, DATABASE_URL: postgres.url }
  const child = spawn(process.execPath, [...process.execArgv, folder + file], { env, stdio: 'inherit' })
  return once(child, 'exit').then(([code]: unknown[]) => code)
}

// Ctrl-C reaches the services too: they close by themselves, and the database after them.
process.on('SIGINT', () => undefined)
const isFilled = (await start('database/src/migrate.ts')) === 0 && (await start('database/src/seed.ts')) === 0
if (isFilled) await Promise.all(['backend/src/main.ts', 'server/src/main.ts'].map(start))
await postgres.stop()
process.exitCode = isFilled ? 0 : 1
