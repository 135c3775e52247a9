import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { bin, type Command, plinth, run, temporaryFolder } from './support/command.ts'

const cwd = temporaryFolder()
const server = process.env['PLINTH_TEST_DATABASE_URL'] ?? ''
const migrations = join(cwd, 'migrations')

symlinkSync(fileURLToPath(new URL('../../../node_modules', import.meta.url)), join(cwd, 'node_modules'))
const settings = { entities: './entities.ts', migrations: './migrations', scratch: server }
writeFileSync(join(cwd, 'plinth.config.ts'), `export default ${JSON.stringify(settings)}`)

function entities(columns: string): void {
  const head = `import { boolean, integer, pgTable, text, uuid } from 'drizzle-orm/pg-core'`
  const table = `export const users = pgTable('users', { id: integer().primaryKey(), ${columns} })`
  writeFileSync(join(cwd, 'entities.ts'), `${head}\n${table}\n`)
}

/** The command on a terminal of its own, which `script` makes; what is written to its stdin are the keys. */
function onTerminal(...args: readonly string[]): Command {
  const quoted = [process.execPath, bin, ...args].map((word) => `'${word}'`).join(' ')
  return run('script', ['-qec', `stty cols 120 rows 40 && NO_COLOR=1 exec ${quoted}`, '/dev/null'], {
    cwd,
    hasStdin: true,
  })
}

const keys = { enter: '\r', down: '\u001b[B', interrupt: '\u0003' }

const version = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout
const skip = version?.includes('util-linux')
  ? false
  : 'script of util-linux, which makes the terminal, is not installed'

test('Ctrl-C at a question writes nothing and ends with 130, so that what follows && does not run', {
  skip,
}, async () => {
  entities('name: text(), flag: boolean()')
  assert.equal((await plinth(['migrate', 'generate', 'users'], { cwd }).ended).code, 0)
  entities('fullName: text("full_name"), flag: boolean()')
  await using command = onTerminal('migrate', 'generate', 'full_name')
  await command.output('users.name is gone, or has another name')
  command.child.stdin?.write(keys.interrupt)
  assert.equal((await command.ended).code, 130)
  assert.deepEqual(readdirSync(migrations), ['0001_users'])
})

test('on a terminal somebody chooses the rename, and types the SQL of the values', { skip }, async () => {
  entities('fullName: text("full_name"), flag: uuid()')
  await using command = onTerminal('migrate', 'generate', 'full_name')
  await command.output('Renamed: it is users.full_name now')
  command.child.stdin?.write(keys.enter)
  await command.output('PostgreSQL cannot make uuid of the values of users.flag.')
  command.child.stdin?.write(`gen_random_uuid()${keys.enter}`)
  await command.output('PostgreSQL cannot make boolean of the values of users.flag on the way back.')
  command.child.stdin?.write(`true${keys.enter}`)
  const { code, stdout } = await command.ended
  assert.equal(code, 0, stdout)
  const up = readFileSync(join(migrations, '0002_full_name/up.sql'), 'utf8')
  assert.match(up, /RENAME COLUMN "name" TO "full_name"/)
  assert.match(up, /gen_random_uuid\(\)/)
  assert.match(readFileSync(join(migrations, '0002_full_name/down.sql'), 'utf8'), /USING \(?true/i)
})

test('the arrow keys reach the drop, which says what is lost', { skip }, async () => {
  entities('nick: text(), flag: uuid()')
  await using command = onTerminal('migrate', 'generate', 'nick')
  await command.output('○ Drop it: its values are lost')
  command.child.stdin?.write(keys.down)
  await command.output('● Drop it: its values are lost')
  command.child.stdin?.write(keys.enter)
  const { code, stdout } = await command.ended
  assert.equal(code, 0, stdout)
  assert.match(readFileSync(join(migrations, '0003_nick/up.sql'), 'utf8'), /DROP COLUMN "full_name"/)
})
