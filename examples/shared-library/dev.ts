import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { startEmbedded } from 'plinth/embedded'

// The whole system on this machine, without Docker: npm run dev. PostgreSQL comes with npm, its data stays in .plinth/.
// Redis is used where one listens on REDIS_URL (redis://127.0.0.1:6379); without it the services are degraded.

const folder = fileURLToPath(new URL('.', import.meta.url))
const [dataDir = `${folder}.plinth/data`] = process.argv.slice(2)
const postgres = await startEmbedded({ dataDir, database: 'library' })
// The port and the password are random: for plinth.config.ts, while this runs.
const urlFile = `${folder}.plinth/database-url`
await mkdir(`${folder}.plinth`, { recursive: true })
await writeFile(urlFile, postgres.url, { mode: 0o600 })
const running = new Set<ChildProcess>()

/** Resolves with the exit code. */
async function run(program: string): Promise<unknown> {
  const env = { ...process.env, DATABASE_URL: postgres.url }
  const child = spawn(process.execPath, [...process.execArgv, folder + program], { env, stdio: 'inherit' })
  running.add(child)
  const [code] = (await once(child, 'exit')) as unknown[]
  running.delete(child)
  return code
}

// The services close by themselves, and the database after them. Ctrl-C reaches them as it does us.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => {
  for (const child of running) child.kill('SIGTERM')
})
const isFilled = (await run('database/src/migrate.ts')) === 0 && (await run('database/src/seed.ts')) === 0
if (isFilled) await Promise.all([run('backend/src/main.ts'), run('server/src/main.ts')])
await rm(urlFile, { force: true })
await postgres.stop()
process.exitCode = isFilled ? 0 : 1
