import { installSchema } from 'plinth'
import { runMigrations } from 'plinth/migrate'
import { getDatabase } from './database.ts'

// Once before the services of a release start. Should several start it at once, one migrates and the others wait.

await using db = getDatabase('migrate')
await db.connect()
const done = await runMigrations(db, { folder: new URL('../migrations/', import.meta.url) })
for (const { id, durationMs } of done) console.log(`${id} in ${durationMs} ms`)
// The tables of the background tasks.
await installSchema(db)
