import assert from 'node:assert/strict'
import { readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createDatabase, type Database } from 'plinth'
import { createTestDatabase, type TestDatabase } from 'plinth/testing'
import { type Ended, plinth, refusal, temporaryFolder } from './support/command.ts'

const cwd = temporaryFolder()
const server = process.env['PLINTH_TEST_DATABASE_URL'] ?? ''
let made: TestDatabase
let db: Database

before(async () => {
  made = await createTestDatabase({ server: { url: server } })
  db = createDatabase({ url: made.url })
  // The entities import drizzle-orm, as those of a project do.
  symlinkSync(fileURLToPath(new URL('../../../node_modules', import.meta.url)), join(cwd, 'node_modules'))
  const settings = { url: made.url, entities: './entities.ts', migrations: './migrations' }
  writeFileSync(join(cwd, 'plinth.config.ts'), `export default ${JSON.stringify(settings)}`)
})
after(async () => {
  await db.close()
  await made.drop()
})

function entities(columns: string): void {
  const head = `import { boolean, integer, pgTable, text, uuid } from 'drizzle-orm/pg-core'`
  writeFileSync(
    join(cwd, 'entities.ts'),
    `${head}\nexport const users = pgTable('users', { id: integer().primaryKey(), ${columns} })\n`,
  )
}

function migrate(command: string, ...args: readonly string[]): Promise<Ended> {
  const scratch = command === 'lint' || command === 'run' ? [] : ['--scratch', server]
  return plinth(['migrate', command, ...args, ...scratch], { cwd }).ended
}

test('a migration is generated from the entities, and without a change there is nothing to do', async () => {
  entities('name: text(), flag: boolean()')
  const generated = await migrate('generate', 'users')
  assert.equal(generated.code, 0)
  // Nothing but how far the proof is, of which it tells when that has taken a second.
  assert.match(
    generated.stderr,
    /^(opening a scratch database\n|on a scratch database: 0001_users (up|down), 1 of 1\n)*$/,
  )
  assert.equal(generated.stdout, 'migrations/0001_users  proved on a scratch database, up and down\n')
  const again = await migrate('generate', 'more')
  assert.deepEqual([again.code, again.stdout], [0, 'Nothing to do: the entities are as the last snapshot has them.\n'])
})

test('without a terminal it writes nothing, and names the flags that answer', async () => {
  entities('fullName: text("full_name"), flag: uuid()')
  const asked = await migrate('generate', 'full_name')
  assert.equal(asked.code, 3)
  assert.match(
    asked.stdout,
    /The column users\.name is gone, or has another name\.\n {2,}--rename users\.name=users\.full_name +it is users\.full_name now\n {2,}--drop users\.name +its values are lost\n/,
  )
  const json: unknown = JSON.parse(
    (await migrate('generate', 'full_name', '--rename', 'users.name=users.full_name', '--json')).stdout,
  )
  assert.deepEqual(json, {
    kind: 'questions',
    questions: [
      { object: 'value', direction: 'up', column: 'users.flag', type: 'uuid', flags: [`--using 'users.flag=<SQL>'`] },
    ],
  })
  assert.deepEqual(readdirSync(join(cwd, 'migrations')), ['0001_users'])
  const answers = [
    '--rename',
    'users.name=users.full_name',
    '--using',
    'users.flag=gen_random_uuid()',
    '--using-down',
    'users.flag=true',
  ]
  assert.equal((await migrate('generate', 'full_name', ...answers)).code, 0)
  assert.deepEqual(readdirSync(join(cwd, 'migrations')), ['0001_users', '0002_full_name'])
  const line = await refusal(['migrate', 'generate', 'x', '--using', 'users.flag'], { cwd })
  assert.match(line, /--using is users\.flag; it must be column=sql/)
})

test('check ends with 3 when the database is not what its migrations make, or the entities are ahead', async () => {
  assert.equal((await migrate('run')).code, 0)
  assert.deepEqual(await migrate('check').then(({ code, stdout }) => [code, stdout]), [
    0,
    'The database is what its migrations make.\n',
  ])
  await db.query('alter table users add column age int')
  entities('fullName: text("full_name"), flag: uuid(), email: text()')
  const { code, stdout } = await migrate('check')
  assert.equal(code, 3)
  assert.match(stdout, /column users\.age: in the database, not in the migrations \(integer\)\n/)
  assert.match(
    stdout,
    /The entities have changes that no migration makes .*\n {2}ALTER TABLE "users" ADD COLUMN "email" text;\n/,
  )
})

test('lint ends with 3 when it found something, and says where and what to do', async () => {
  const { code, stdout } = await migrate('lint')
  assert.equal(code, 3)
  assert.match(
    stdout,
    /^migrations\/0002_full_name\/up\.sql:\d+ {2}renaming-column\n {2}Renaming a column may break existing clients\.\n/,
  )
  assert.equal((await migrate('lint', '--pending')).stdout, 'Nothing found in 0 migrations.\n')
})
