import { connectRedis, getDatabase, setting } from '@example/database'
import { closeOnSignal } from 'plinth'
import { createApp } from './app.ts'

const redis = connectRedis()
const app = await createApp(getDatabase('server'), redis)
// The app closes the database when its last request is answered.
closeOnSignal([app, redis])

const url = await app.listen({ port: Number(setting('PORT', '3002')), host: setting('HOST', '127.0.0.1') })
console.log(`server listens on ${url}`)
