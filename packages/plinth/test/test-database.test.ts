import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from 'pg'
import { createTestDatabase } from '../src/testing/test-database.ts'
import { testServer } from './support/database.ts'
import { isPlinthError } from '../src/errors.ts'

const server = await testServer()

async function connected(url: string): Promise<Client> {
  const client = new Client({ connectionString: url })
  // PostgreSQL ends the connection when the database is dropped by force.
  client.on('error', () => undefined)
  await client.connect()
  return client
}

async function exists(name: string): Promise<boolean> {
  const client = await connected(server.url)
  const { rowCount } = await client.query('select from pg_database where datname = $1', [name])
  await client.end()
  return rowCount === 1
}

test('a test database holds what its script made, and is gone after drop', async () => {
  const database = await createTestDatabase({
    server,
    script: 'create table note (id int); insert into note values (7)',
  })
  const client = await connected(database.url)
  assert.deepEqual((await client.query('select id from note')).rows, [{ id: 7 }])
  await client.end()
  await database.drop()
  assert.equal(await exists(database.name), false)
})

test('a clone holds the rows of its template and does not write into it', async () => {
  await using template = await createTestDatabase({ server, script: 'create table note (id int)' })
  await using first = await createTestDatabase({
    server,
    template: template.name,
    script: 'insert into note values (1)',
  })
  await using second = await createTestDatabase({ server, template: template.name })
  const client = await connected(second.url)
  assert.equal((await client.query('select from note')).rowCount, 0)
  await client.end()
  assert.notEqual(first.name, second.name)
})

test('a connection left open fails the drop, names its statement, and the database is dropped all the same', async () => {
  const database = await createTestDatabase({ server })
  const client = await connected(database.url)
  await client.query('select 42')
  await assert.rejects(
    database.drop(),
    (error) => isPlinthError(error, 'ConnectionLeaked') && /select 42/.test(error.message),
  )
  await client.end()
  assert.equal(await exists(database.name), false)
})

test('a script that fails is an error and leaves no database', async () => {
  const before = await countDatabases()
  await assert.rejects(createTestDatabase({ server, script: 'create table broken (' }), /syntax error/)
  assert.equal(await countDatabases(), before)
})

async function countDatabases(): Promise<number> {
  const client = await connected(server.url)
  const { rowCount } = await client.query('select from pg_database where datname like $1', [`test_${process.pid}_%`])
  await client.end()
  return rowCount ?? 0
}

test('ten databases can be cloned at once', async () => {
  const databases = await Promise.all(Array.from({ length: 10 }, () => createTestDatabase({ server })))
  assert.equal(new Set(databases.map(({ name }) => name)).size, 10)
  await Promise.all(databases.map((database) => database.drop()))
})
