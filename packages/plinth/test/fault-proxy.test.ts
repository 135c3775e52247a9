import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { CommitWatch } from '../src/testing/commit-watch.ts'
import { startFaultProxy } from '../src/testing/fault-proxy.ts'
import { errorOf, until, watchActivity } from './support/activity.ts'
import { testDatabase } from './support/database.ts'

const { url } = await testDatabase({ script: 'create table t (id int)' })
const activity = await watchActivity(url)
const proxy = await startFaultProxy(url)
after(() => activity.close())
after(() => proxy[Symbol.asyncDispose]())
beforeEach(() => activity.query('truncate t'))
beforeEach(() => proxy.heal())

const saved = async (): Promise<unknown> => (await activity.query('select id from t order by id')).map(({ id }) => id)

async function client(name = 'faults'): Promise<pg.Client> {
  const opened = new pg.Client({ connectionString: proxy.url, application_name: name })
  opened.on('error', () => undefined)
  await opened.connect()
  return opened
}

/** A transaction by hand; `commit` is what ends it. */
async function insert(id: number, commit: string | pg.QueryConfig): Promise<void> {
  const one = await client()
  try {
    await one.query('begin')
    await one.query('insert into t values ($1)', [id])
    await one.query(commit)
  } finally {
    await one.end().catch(() => undefined)
  }
}

const commits = ['commit', 'COMMIT', 'end', { text: 'commit', values: [] }, { name: 'the-end', text: 'commit' }]
for (const commit of commits) {
  test(`the request and the answer of ${JSON.stringify(commit)} can be lost`, async () => {
    void proxy.loseCommit('request')
    await assert.rejects(insert(1, commit))
    await until(async () => (await activity.count('faults')) === 0)
    assert.deepEqual(await saved(), [])
    void proxy.loseCommit('answer')
    await assert.rejects(insert(2, commit))
    assert.deepEqual(await saved(), [2])
  })
}

test('the COMMIT of a prepared statement is known when it is executed a second time', async () => {
  const one = await client()
  const commit = { name: 'c', text: 'commit' }
  await one.query('begin')
  await one.query(commit)
  const lost = proxy.loseCommit('request')
  await one.query('begin')
  await one.query('insert into t values (1)')
  await assert.rejects(one.query(commit))
  await lost
  await one.end().catch(() => undefined)
  assert.deepEqual(await saved(), [])
})

test('the n-th COMMIT is lost and those before it are not', async () => {
  void proxy.loseCommit('answer', { nth: 3 })
  await insert(1, 'commit')
  await insert(2, 'commit')
  await assert.rejects(insert(3, 'commit'))
  await insert(4, 'commit')
  assert.deepEqual(await saved(), [1, 2, 3, 4])
})

test('a rollback, and an insert of the word, are no COMMIT', async () => {
  const lost = proxy.loseCommit('request')
  await insert(1, 'rollback')
  const one = await client()
  await one.query(`select 'commit'`)
  await one.end()
  await assert.rejects(insert(2, 'commit'))
  await lost
})

test('messages are understood however the packets were cut', () => {
  const parse = Buffer.from('c\0commit\0\0\0')
  const typed = (type: string, body: Buffer): Buffer => {
    const head = Buffer.alloc(5)
    head.write(type)
    head.writeUInt32BE(body.length + 4, 1)
    return Buffer.concat([head, body])
  }
  const startup = Buffer.alloc(8)
  startup.writeUInt32BE(8)
  startup.writeUInt32BE(196_608, 4)
  const bind = typed('B', Buffer.from('\0c\0\0\0\0\0\0\0'))
  const sent = [startup, typed('P', parse), typed('d', Buffer.alloc(300)), bind, typed('E', Buffer.alloc(5))]
  const stream = Buffer.concat(sent)
  for (const size of [1, 2, 3, 7, 64, stream.length]) {
    const watch = new CommitWatch()
    const seen = []
    for (let at = 0; at < stream.length; at += size) seen.push(...watch.read('request', stream.subarray(at, at + size)))
    assert.deepEqual(Buffer.concat(seen.map(({ bytes }) => bytes)), stream)
    assert.deepEqual(
      seen.filter(({ isCommit }) => isCommit).map(({ bytes }) => bytes.length),
      [10],
    )
  }
})

test('behind a half-open connection the backend goes on waiting', async () => {
  const one = await client('half-open')
  await one.query('begin')
  await one.query('insert into t values (1)')
  proxy.leaveHalfOpen()
  await assert.rejects(one.query('select 1'))
  assert.equal(await activity.count('half-open'), 1)
  proxy.heal()
  await until(async () => (await activity.count('half-open')) === 0)
})

test('a COMMIT can fall silent', async () => {
  void proxy.loseCommit('answer', { silent: true })
  const pending = insert(1, 'commit').then(() => 'answered')
  pending.catch(() => undefined)
  await until(async () => (await activity.query('select 1 from t')).length === 1)
  assert.equal(await Promise.race([pending, sleep(200, 'silent')]), 'silent')
  proxy.cut()
  await assert.rejects(pending)
})

test('what is sent into a black hole arrives when it ends, and one way alone can be one', async () => {
  for (const mode of ['blackhole', 'blackhole requests', 'blackhole answers'] as const) {
    const one = await client()
    proxy.become(mode)
    const pending = one.query('insert into t values (1)')
    assert.equal(await Promise.race([pending.then(() => 'answered'), sleep(150, 'silent')]), 'silent', mode)
    assert.equal((await saved())?.toString(), mode === 'blackhole answers' ? '1' : '', mode)
    proxy.become('forward')
    await pending
    await one.end()
    await activity.query('truncate t')
  }
})

test('a connection is reset at once, or accepted and never answered', async () => {
  proxy.become('refuse')
  assert.match((await errorOf(client())).message, /ECONNRESET|terminated/)
  proxy.become('accept and be silent')
  const { port } = new URL(proxy.url)
  const socket = connect(Number(port), '127.0.0.1')
  socket.write('anything')
  const heard = new Promise((resolve) => socket.once('data', resolve))
  assert.equal(await Promise.race([heard, sleep(150, 'silent')]), 'silent')
  socket.destroy()
})

test('a slow or narrow line delays without reordering', async () => {
  const one = await client()
  proxy.shape({ delayMs: 30, jitterMs: 20 })
  const from = performance.now()
  const answers = []
  for (const n of [1, 2, 3]) answers.push((await one.query<{ n: number }>('select $1::int as n', [n])).rows[0]?.n)
  assert.deepEqual(answers, [1, 2, 3])
  assert.ok(performance.now() - from >= 180)
  proxy.shape({ bytesPerSecond: 20_000 })
  const narrow = performance.now()
  await one.query(`select repeat('x', 8000)`)
  assert.ok(performance.now() - narrow >= 390)
  await one.end()
})

test('new connections can be sent to another server', async () => {
  await using other = await startFaultProxy(url)
  proxy.pointAt(other.url)
  const one = await client()
  assert.equal(other.accepted, 1)
  await one.end()
  proxy.pointAt(url)
})
