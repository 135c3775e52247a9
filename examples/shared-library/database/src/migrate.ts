import { readFile } from 'node:fs/promises'
import { installSchema } from 'plinth'
import { getDatabase } from './database.ts'

await using db = getDatabase('migrate')
await db.connect()
await installSchema(db)
const text = await readFile(new URL('../migrations/0001_users_and_blogs/up.sql', import.meta.url), 'utf8')
await using session = await db.session()
await session.script(text)
