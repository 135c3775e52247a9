import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { until, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({ script: 'create table item (id int primary key)' })

const program = `
import { createServer } from 'node:http'
import { closeOnSignal, createDatabase } from 'plinth'
const db = createDatabase({ url: process.env.URL })
let [started, finished, refused] = [0, 0, 0]
const server = createServer((request, response) => {
  started++
  response.on('finish', () => finished++)
  const id = Number(request.url.slice(1))
  db.transaction(async (tx) => {
    await tx.query('insert into item values ($1)', [id])
    await tx.query('select pg_sleep(0.02)')
  }).then(() => response.end('saved'), () => (refused++, response.writeHead(503).end()))
})
const hangs = process.env.HANGS ? [{ close: () => new Promise(() => {}) }] : []
const failing = process.env.FAILS ? [{ close: () => Promise.reject(new Error('mine')) }] : []
const onError = (error) => console.log('heard:', error.message)
closeOnSignal([server, ...failing, ...hangs, db], { deadlineMs: 8000, ...(process.env.FAILS ? { onError } : {}) })
process.on('exit', () => console.log(JSON.stringify({ started, finished, refused })))
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
`

/** What a service is: routes in a framework, the database plugged in, and the order in which things end, printed. */
const services = {
  Fastify: `
import fastify from 'fastify'
import { fastifyDatabase } from 'plinth/fastify'
const app = fastify()
await app.register(fastifyDatabase, { database: db })
app.get('/:id', (request) => save(Number(request.params.id)))
app.server.once('close', () => note('http closed'))
closeOnSignal([app])
const url = await app.listen({ port: 0, host: '127.0.0.1' })
console.log(new URL(url).port)
`,
  Express: `
import express from 'express'
import { expressDatabase } from 'plinth/express'
const app = express()
const database = expressDatabase(db)
app.use(database.attach)
app.get('/:id', async (request, response) => response.json(await save(Number(request.params.id))))
app.use(database.errors)
const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port))
server.once('close', () => note('http closed'))
closeOnSignal([server, db])
`,
}

const servicePreamble = `
import { closeOnSignal, createDatabase } from 'plinth'
const order = []
const note = (what) => order.push(what)
const db = createDatabase({ url: process.env.URL })
db.on('state', ({ to }) => (to === 'draining' || to === 'closed') && note(to))
const save = (id) => db.transaction(async (tx) => {
  await tx.query('insert into item values ($1)', [id])
  await tx.query('select pg_advisory_xact_lock_shared(7)')
  tx.afterCommit(() => note('saved'))
  return { id }
})
process.on('SIGTERM', () => console.log('SIGTERM'))
process.on('exit', () => console.log(JSON.stringify(order)))
`

interface Program {
  readonly port: string
  readonly ended: Promise<unknown>
  /** The lines it printed after its port. */
  readonly printed: readonly string[]
  /** What it printed last. */
  readonly last: () => string
  readonly kill: (signal: NodeJS.Signals) => void
}

async function startProgram(env: Record<string, string> = {}, source = program): Promise<Program> {
  const child = spawn(process.execPath, ['--conditions=plinth-dev', '--input-type=module', '--eval', source], {
    env: { ...process.env, URL: url, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: import.meta.dirname,
  })
  const ended = once(child, 'close').then(([code]: unknown[]) => code)
  const lines = createInterface({ input: child.stdout })
  const [port] = await once(lines, 'line')
  const printed: string[] = []
  lines.on('line', (line) => printed.push(line))
  const kill = (signal: NodeJS.Signals): void => void child.kill(signal)
  return { port: String(port), ended, printed, last: () => printed.at(-1) ?? '', kill }
}

test('SIGTERM under load loses no acknowledged request and ends with code 0', async () => {
  const { port, ended, last, kill } = await startProgram()
  const acknowledged: number[] = []
  let isOver = false
  let next = 0
  const client = async (): Promise<void> => {
    while (!isOver) {
      const id = ++next
      const response = await fetch(`http://127.0.0.1:${port}/${id}`).catch(() => undefined)
      if (response?.status === 200) acknowledged.push(id)
      else if (!response) return
    }
  }
  const clients = Array.from({ length: 8 }, client)
  while (acknowledged.length < 30) await new Promise((resolve) => setTimeout(resolve, 10))
  kill('SIGTERM')
  assert.equal(await ended, 0)
  isOver = true
  await Promise.all(clients)
  // Closed in another order, requests that had begun would be refused by the database, or never answered.
  const { started, finished, refused } = JSON.parse(last())
  assert.deepEqual([finished, refused], [started, 0])
  const activity = await watchActivity(url)
  const saved = new Set((await activity.query('select id from item')).map(({ id }) => id))
  await activity.close()
  assert.deepEqual(
    acknowledged.filter((id) => !saved.has(id)),
    [],
  )
})

test('a second signal ends at once, and a close that hangs ends at the deadline', async () => {
  const hanging = await startProgram({ HANGS: '1' })
  hanging.kill('SIGTERM')
  await new Promise((resolve) => setTimeout(resolve, 300))
  hanging.kill('SIGINT')
  assert.equal(await hanging.ended, 130)
  const late = await startProgram({ HANGS: '1' })
  late.kill('SIGTERM')
  assert.equal(await late.ended, 1)
})

test('what cannot be closed is told to onError, the rest is closed all the same, and the code is 1', async () => {
  const { ended, printed, kill } = await startProgram({ FAILS: '1' })
  kill('SIGTERM')
  assert.equal(await ended, 1)
  assert.deepEqual(printed, ['heard: mine', '{"started":0,"finished":0,"refused":0}'])
})

for (const [name, service] of Object.entries(services))
  test(`SIGTERM ends a service on ${name} from the outside in: requests, then HTTP, then the database`, async () => {
    const { port, ended, printed, last, kill } = await startProgram({}, servicePreamble + service)
    const id = name === 'Fastify' ? 1_000_001 : 1_000_002
    const activity = await watchActivity(url)
    // The request is under way for as long as this is held.
    await activity.query('select pg_advisory_lock(7)')
    const running = fetch(`http://127.0.0.1:${port}/${id}`)
    await activity.backend('select pg_advisory_xact_lock_shared')
    kill('SIGTERM')
    await until(() => Promise.resolve(printed.includes('SIGTERM')))
    await activity.query('select pg_advisory_unlock(7)')
    const answer = await running
    assert.deepEqual([answer.status, await answer.json()], [200, { id }])
    assert.equal(await ended, 0)
    assert.deepEqual(JSON.parse(last()), ['saved', 'http closed', 'draining', 'closed'])
    assert.equal((await activity.query('select id from item where id = $1', [id])).length, 1)
    await activity.close()
  })
