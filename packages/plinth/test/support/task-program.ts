// A worker of its own, for tests that kill it. Arguments: url, and the number of the statement after whose answer it
// kills itself (0: never), how long its handler stays, and how many tasks it takes at once. Writes `running` when its handler has begun, and ends when the task is done.
import { subscribe } from 'node:diagnostics_channel'
import { setTimeout as sleep } from 'node:timers/promises'
import { createDatabase } from '../../src/index.ts'
import { startWorker } from '../../src/services.ts'
import { effect } from './effect-task.ts'

const [url = '', killAt = '0', stayMs = '0', concurrency = '10'] = process.argv.slice(2)
let statements = 0
subscribe('plinth:statement.end', () => {
  if (++statements === Number(killAt)) process.kill(process.pid, 'SIGKILL')
})

const db = createDatabase({ url })
const ended = Promise.withResolvers<void>()
const one = effect(async () => {
  process.stdout.write('running\n')
  await sleep(Number(stayMs))
}, ended.resolve)
const worker = await startWorker(db, [one], { concurrency: Number(concurrency) })
await ended.promise
await worker.close()
await db.close()
