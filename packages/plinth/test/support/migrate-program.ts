// A process that migrates, for tests that start many of it and kill it. Arguments: url and folder. Writes `ready`, waits
// for a word on its standard input, writes a line for each statement before it is sent, and `done` with the ids of what
// it ran.
import { once } from 'node:events'
import { createDatabase } from '../../src/index.ts'
import { runMigrations } from '../../src/migrate.ts'

const [url = '', folder = ''] = process.argv.slice(2)
const db = createDatabase({ url, service: 'migrate-program', pool: { max: 2 } })
await db.connect()
process.stdout.write('ready\n')
await once(process.stdin, 'data')
process.stdin.destroy()
const results = await runMigrations(db, {
  folder,
  lockWaitMs: 300_000,
  onProgress: (progress) => {
    if (progress.kind === 'statement') process.stdout.write(`statement ${progress.at}\n`)
  },
})
process.stdout.write(`done ${results.map(({ id }) => id).join(' ')}\n`)
await db.close()
