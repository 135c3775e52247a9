import { runSeeds } from 'plinth/migrate'
import { getDatabase } from './database.ts'

// What a developer's database starts with.

await using db = getDatabase('seed')
await runSeeds(db, { folder: new URL('../seeds/', import.meta.url), environment: 'development' })
