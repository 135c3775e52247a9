import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { musicShop } from './support/chinook.ts'
import { type Command, plinth, refusal, temporaryFolder } from './support/command.ts'

const cwd = temporaryFolder()
const file = join(cwd, "shop's.sql")
const load = ['dev', '--port', '0', '--load', file]
const shop = `create table "it's" (id int primary key, name text);
insert into "it's" values (1, 'Ada''s "first" \\'), (2, 'second');
create schema stock;
create table stock.parts (id int primary key);
insert into stock.parts values (1);
`

async function start(): Promise<{ command: Command; output: string }> {
  const command = plinth(load, { cwd })
  return { command, output: await command.output('Ctrl-C stops everything.') }
}

function paste(line: string): unknown {
  return JSON.parse(execFileSync('/bin/sh', ['-c', `${line} --silent --show-error`], { encoding: 'utf8' }))
}

test('a file that fails loads nothing, and the next start loads it once it is right', async () => {
  writeFileSync(file, `${shop}\nselect * from nowhere;\n`)
  assert.match(await refusal(load, { cwd }), /shop's\.sql, line 7: relation "nowhere" does not exist/)
  writeFileSync(file, shop)
  const { command, output } = await start()
  assert.match(output, / {2}it's +2 rows\n {2}stock\.parts +1 rows?\n/)
  const [read = '', write = ''] = output.split('\n').filter((line) => line.startsWith('curl '))
  assert.deepEqual(paste(read), [
    { id: 2, name: 'second' },
    { id: 1, name: 'Ada\'s "first" \\' },
  ])
  assert.deepEqual(paste(write), [{ id: 1, name: 'Ada\'s "first" \\' }])
  assert.equal((await command.stop('SIGINT')).code, 0)
})

test('a changed file is told, with the way to load it anew; the data stays', async () => {
  writeFileSync(file, `${shop}insert into "it's" values (3, 'third');\n`)
  const first = await start()
  assert.match(first.output, /it's +2 rows/)
  const [, command = ''] = /has changed since it was loaded\..*: (rm -r .*)/.exec(first.output) ?? []
  await first.command.stop('SIGTERM')
  execFileSync('/bin/sh', ['-c', command], { cwd })
  const second = await start()
  assert.match(second.output, /it's +3 rows/)
  assert.doesNotMatch(second.output, /has changed/)
  await second.command.stop('SIGTERM')
})

test('Ctrl-C in the middle of a long load ends it at once, and nothing of it stays', async () => {
  const options = { cwd: temporaryFolder() }
  const long = join(options.cwd, 'long.sql')
  writeFileSync(long, 'create table t (id int); select pg_sleep(600);')
  await using command = plinth(['dev', '--port', '0', '--load', long], options)
  await command.output('Filling the database')
  const { code, stderr } = await command.stop('SIGINT')
  assert.deepEqual([code, stderr], [0, ''])
})

test('plinth dev --load serves every row of a music shop, by the printed curl lines too', async () => {
  await using command = plinth(['dev', '--port', '0', '--load', musicShop.file], { cwd: temporaryFolder() })
  const output = await command.output('Ctrl-C stops everything.')
  const counts = [...output.matchAll(/^ {2}\w+ +([\d,]+) rows$/gm)].map(([, rows = '']) =>
    Number(rows.replace(',', '')),
  )
  assert.deepEqual([counts.length, counts.reduce((sum, rows) => sum + rows, 0)], [11, musicShop.rows])
  const [read = '', write = ''] = output.split('\n').filter((line) => line.startsWith('curl '))
  for (const line of [read, write]) {
    const answer: unknown = JSON.parse(execFileSync('/bin/sh', ['-c', `${line} --silent`], { encoding: 'utf8' }))
    assert.ok(Array.isArray(answer) && answer.length > 0, line)
  }
  assert.equal((await command.stop('SIGINT')).code, 0)
})
