import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { after, test } from 'node:test'
import { isPlinthError } from '../src/errors.ts'
import { connectHub } from '../src/hub-client/hub.ts'
import { parseOperation } from '../src/operation/parse-operation.ts'
import { table } from '../src/operation/table.ts'
import { errorToWire } from '../src/operation/wire.ts'
import { runnerContract, runnerContractSchema } from '../src/testing/runner-contract.ts'
import { testDatabase } from './support/database.ts'
import { pgRunner } from './support/pg-runner.ts'

const { url } = await testDatabase({ script: runnerContractSchema })
const runner = pgRunner(url, 5)
after(() => runner.close())

type Answering = (request: IncomingMessage, response: ServerResponse, body: string) => void | Promise<void>

async function listen(answering: Answering): Promise<{ server: Server; url: string; close: () => Promise<void> }> {
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => void answering(request, response, body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert.ok(typeof address === 'object' && address)
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.closeAllConnections()
      server.close(() => resolve())
    })
  return { server, url: `http://127.0.0.1:${address.port}`, close }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response
    .writeHead(status, { 'content-type': 'application/json' })
    .end(typeof body === 'string' ? body : JSON.stringify(body))
}

/** The hub's `POST /-/run` in its smallest form: what must hold between it and its client. */
const smallHub = await listen(async (_, response, body) => {
  try {
    send(response, 200, await runner.execute(parseOperation(JSON.parse(body))))
  } catch (error) {
    if (isPlinthError(error)) send(response, 400, { code: error.sqlstate ?? 'PLT', plinth: errorToWire(error) })
    else send(response, 500, {})
  }
})
after(() => smallHub.close())

const overHttp = connectHub({ url: smallHub.url })
runnerContract({
  name: 'hub client',
  open: () => Promise.resolve({ runner: overHttp, close: () => Promise.resolve() }),
})

const users = table('users')

async function failureAt(
  answering: Answering,
  options: { timeoutMs?: number; operation?: Parameters<typeof overHttp.run>[0] } = {},
): Promise<unknown> {
  const { url: at, close } = await listen(answering)
  try {
    await connectHub({ url: at, timeoutMs: options.timeoutMs ?? 30_000 }).run(
      options.operation ?? users.insert({ id: 1 }),
    )
  } catch (error) {
    return error
  } finally {
    await close()
  }
  return assert.fail('the run did not fail')
}

function assertFailure(error: unknown, code: string, outcome: string): void {
  assert.ok(isPlinthError(error), String(error))
  assert.deepEqual({ code: error.code, outcome: error.outcome }, { code, outcome }, error.message)
}

test('the operation goes to /-/run behind the path of the url, with key and token', async () => {
  const seen: unknown[] = []
  const { url: at, close } = await listen((request, response, body) => {
    const { apikey, authorization, 'content-type': type } = request.headers
    seen.push([request.method, request.url, apikey, authorization, type, JSON.parse(body)])
    send(response, 200, { columns: [{ name: 'count', oid: 20 }], rows: [['3']], rowCount: 1 })
  })
  const hub = connectHub({ url: `${at}/data/`, key: 'k', token: 't' })
  assert.equal(await hub.run(users.count()), 3)
  assert.deepEqual(seen, [['POST', '/data/-/run', 'k', 'Bearer t', 'application/json', users.count()]])
  await close()
})

test('a refused connection has not applied anything', async () => {
  const { url: at, close } = await listen(() => undefined)
  await close()
  const error: unknown = await connectHub({ url: at })
    .run(users.insert({ id: 1 }))
    .catch((cause: unknown) => cause)
  assertFailure(error, 'HubUnreachable', 'not applied')
  assert.ok(isPlinthError(error) && error.retryable)
})

test('a connection that breaks after the request leaves a write unknown and a read not applied', async () => {
  const breaking: Answering = (request) => void request.socket.destroy()
  assertFailure(await failureAt(breaking), 'HubUnreachable', 'unknown')
  assertFailure(await failureAt(breaking, { operation: users.get(1) }), 'HubUnreachable', 'not applied')
})

test('an answer that breaks off leaves a write unknown', async () => {
  const halving: Answering = (request, response) => {
    response.writeHead(200, { 'content-length': '1000' }).write('{"columns":')
    setImmediate(() => request.socket.destroy())
  }
  assertFailure(await failureAt(halving), 'HubUnreachable', 'unknown')
})

test('a hub that does not answer in time leaves a write unknown', async () => {
  const error = await failureAt(() => undefined, { timeoutMs: 50 })
  assertFailure(error, 'HubUnreachable', 'unknown')
  assert.match(String(error), /did not answer within 50 ms/)
})

test('an abort of the caller is Cancelled: not applied before the request is sent, unknown after', async () => {
  const abort = new AbortController()
  const { url: at, close } = await listen(() => abort.abort())
  const hub = connectHub({ url: at })
  const write = () => hub.run(users.insert({ id: 1 }), { signal: abort.signal }).catch((error: unknown) => error)
  assertFailure(await write(), 'Cancelled', 'unknown')
  assertFailure(await write(), 'Cancelled', 'not applied')
  await close()
})

test('close ends what is running and refuses what comes', async () => {
  const hubs: { close(): Promise<void> }[] = []
  const { url: at, close } = await listen(() => void hubs[0]?.close())
  const hub = connectHub({ url: at })
  hubs.push(hub)
  const run = () => hub.run(users.insert({ id: 1 })).catch((error: unknown) => error)
  assertFailure(await run(), 'DatabaseClosed', 'unknown')
  assertFailure(await run(), 'DatabaseClosed', 'not applied')
  await hub.close()
  await close()
})

test('what is no answer of a hub is HubRefused, and a gateway may have passed the write on', async () => {
  const answers: readonly (readonly [number, unknown, string])[] = [
    [200, '<html>', 'unknown'],
    [200, { columns: [], rows: [[1]], rowCount: 1 }, 'unknown'],
    [200, { columns: [{ name: 'a', oid: 23 }], rows: [[]], rowCount: 1 }, 'unknown'],
    [502, '<html>', 'unknown'],
    [504, { plinth: { code: 'no code', message: 'x', outcome: 'not applied' } }, 'unknown'],
    [404, { message: 'no such route' }, 'not applied'],
    [413, '', 'not applied'],
  ]
  for (const [status, body, outcome] of answers)
    assertFailure(await failureAt((_, response) => send(response, status, body)), 'HubRefused', outcome)
})

test('an error crosses with all its fields but statement, stack and cause', async () => {
  const sent = {
    code: 'UniqueViolation' as const,
    message: 'Unique violation of users_email (23505).',
    outcome: 'not applied' as const,
    retryable: false,
    sqlstate: '23505',
    hint: 'try',
    server: { severity: 'ERROR', message: 'duplicate key', detail: 'Key (email)=(a)', constraint: 'users_email' },
  }
  const error = await failureAt((_, response) => send(response, 409, { code: '23505', plinth: sent }))
  assert.ok(isPlinthError(error))
  assert.deepEqual(errorToWire(error), sent)
  assert.ok(!JSON.stringify(error).includes('duplicate key'), 'the report is not enumerable')
})

test('a time limit that is none is refused', () => {
  for (const wrong of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31])
    assert.throws(() => connectHub({ url: 'http://hub', timeoutMs: wrong }), { code: 'InvalidOption' }, String(wrong))
})

test('a redirect is not followed, so the key stays with the hub it was given for', async () => {
  const seen: unknown[] = []
  const { url: elsewhere, close } = await listen((request, response) => {
    seen.push(request.headers['apikey'])
    send(response, 200, { columns: [], rows: [], rowCount: 1 })
  })
  for (const status of [301, 302, 303, 307, 308]) {
    const redirecting: Answering = (_, response) => void response.writeHead(status, { location: elsewhere }).end()
    assertFailure(await failureAt(redirecting), 'HubRefused', 'unknown')
  }
  assert.deepEqual(seen, [])
  await close()
})

test('an answered request leaves no timer behind', async () => {
  const { url: at, close } = await listen((_, response) =>
    send(response, 200, { columns: [{ name: 'count', oid: 20 }], rows: [['3']], rowCount: 1 }),
  )
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  const hub = connectHub({ url: at })
  for (let i = 0; i < 20; i++) await hub.run(users.count())
  const after20 = timers()
  await close()
  assert.ok(after20 < before + 20)
})

test('a url that is none of a hub is refused', () => {
  for (const wrong of ['', 'localhost:4000', 'postgres://x', 'http://user@x', 'http://x?y', 'http://x#y'])
    assert.throws(() => connectHub({ url: wrong }), { code: 'InvalidOption' }, wrong)
})
