import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connectRedis, getDatabase, setting } from '@example/database'
import { closeOnSignal } from 'plinth'
import { startWorker } from 'plinth/services'
import { createApp } from './app.ts'
import { tidySessions } from './tidy-sessions.ts'
import { welcomeMail } from './welcome-mail.ts'

const db = getDatabase('backend')
const redis = connectRedis()

// While the database is away the worker waits for it, and the routes answer 503.
const worker = await startWorker(db, [welcomeMail, tidySessions], { service: 'backend' })
const server = createApp(db, redis).listen(Number(setting('PORT', '3001')), setting('HOST', '127.0.0.1'))
// What lets work in is closed first, what work needs last: requests that run are answered, mails that are being sent
// are sent.
closeOnSignal([server, worker, redis, db])

await once(server, 'listening')
const { address, port } = server.address() as AddressInfo
console.log(`backend listens on http://${address}:${port}`)
