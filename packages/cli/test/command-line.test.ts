import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Asked } from '../src/command-line/asked.ts'
import { type Command, groups } from '../src/command-line/command.ts'
import { commandHelp, listHelp } from '../src/command-line/help.ts'
import { parseCommandLine } from '../src/command-line/parse.ts'
import { commands } from '../src/commands.ts'
import { UsageError } from '../src/command-line/usage-error.ts'
import { describeFailure } from '../src/terminal/failure.ts'
import { placeOf, withoutSecrets } from '../src/terminal/secrets.ts'
import { table } from '../src/terminal/table.ts'
import { columns } from '../src/terminal/text.ts'

const none = (): Promise<void> => Promise.resolve()
const options = { to: { value: 'name', about: 'To' }, json: { about: 'JSON' } }
const declared: readonly Command[] = [
  { name: 'key', group: 'Serve', about: 'A key', args: ['<name>'], options: {}, run: none },
  { name: 'parts ls', group: 'Look', about: 'List', args: ['[part]'], options, run: none },
  { name: 'parts add', group: 'Look', about: 'Add', args: ['<parts...>'], options, run: none },
]

function asked(...words: readonly string[]): Asked<string> {
  const line = parseCommandLine(declared, words)
  assert.equal(line.kind, 'run', JSON.stringify(line))
  assert.ok('asked' in line)
  return line.asked
}

test('a command of two words is found by both, and texts stay as they were typed', () => {
  const line = asked('parts', 'ls', '0012', '--to', '12345678901234567890')
  assert.deepEqual(line.args, ['0012'])
  assert.deepEqual([line.text('to'), line.has('json'), line.has('to')], ['12345678901234567890', false, true])
  assert.deepEqual(asked('parts', 'add', 'a', 'b', '--', '--json').args, ['a', 'b', '--json'])
  assert.deepEqual(asked('parts', 'ls', '--to=a', '--to', 'b').texts('to'), ['a', 'b'])
})

for (const [words, message] of [
  [['nothing'], 'there is no command nothing'],
  [['parts', 'rm'], 'there is no command parts rm; parts has: ls, add'],
  [['key'], 'plinth key needs <name>'],
  [['key', 'a', 'b'], 'plinth key does not take the argument b'],
  [['parts', 'add'], 'plinth parts add needs <parts...>'],
  [['parts', 'ls', '--too'], "unknown option '--too'"],
  [['parts', 'ls', '--to'], "option '--to <value>' argument missing"],
  [['parts', 'ls', '--json=yes'], "option '--json' does not take an argument"],
] as const) {
  test(`plinth ${words.join(' ')} is refused: ${message}`, () => {
    assert.throws(() => parseCommandLine(declared, words), { name: 'UsageError', message })
  })
}

test('a value that is empty, given twice or no whole number is refused', () => {
  assert.throws(() => asked('parts', 'ls', '--to', '').text('to'), /--to is empty/)
  assert.throws(() => asked('parts', 'ls', '--to', 'a', '--to', 'b').text('to'), /--to is given twice/)
  assert.throws(() => asked('parts', 'ls', '--to', '1e3').whole('to'), /--to is 1e3; it must be a whole number/)
  assert.throws(() => asked('parts', 'ls', '--to', '65536').whole('to'), /from 0 to 65535/)
  assert.equal(asked('parts', 'ls', '--to', '0').whole('to'), 0)
})

test('help is of one command, of the commands that begin alike, or of all', () => {
  const helps = [['key', '-h'], ['help', 'key'], ['parts'], ['parts', '--help'], [], ['--help'], ['help']].map(
    (words) => {
      const line = parseCommandLine(declared, words)
      assert.ok(line.kind === 'help')
      return [line.of.map(({ name }) => name).join(), line.isOne]
    },
  )
  const [one, parts, all] = [
    ['key', true],
    ['parts ls,parts add', false],
    ['key,parts ls,parts add', false],
  ]
  assert.deepEqual(helps, [one, one, parts, parts, all, all, all])
  assert.equal(parseCommandLine(declared, ['--version']).kind, 'version')
  assert.equal(asked('parts', 'add', '--', '--help').args[0], '--help')
})

test('every command is listed under its group, and its help names each option', () => {
  const list = listHelp(commands)
  for (const command of commands) {
    assert.ok(groups.includes(command.group))
    assert.match(list, new RegExp(`^ {2}${command.name} .*${command.about.slice(0, 20)}`, 'm'))
    for (const name of Object.keys(command.options)) assert.ok(commandHelp(command).includes(`--${name}`))
    assert.doesNotMatch(command.about, /\.$/, 'one line without a full stop')
  }
  assert.equal(new Set(commands.map(({ name }) => name)).size, commands.length, 'two commands have one name')
})

test('passwords are hidden, in URLs and in statements', () => {
  assert.equal(withoutSecrets('at postgres://app:s3%40cret@db:5432/shop?x'), 'at postgres://app:***@db:5432/shop?x')
  assert.equal(withoutSecrets('postgres://app:s3@cret@db/shop'), 'postgres://app:***@db/shop')
  assert.equal(placeOf('postgres://app:s3@cret@a:1,b:2/shop?sslmode=require'), 'a:1,b:2/shop')
  assert.equal(withoutSecrets('redis://:s3cret@host and http://a/b:c@d'), 'redis://:***@host and http://a/b:c@d')
  assert.equal(withoutSecrets("alter role a PASSWORD 'it''s' valid"), "alter role a PASSWORD '***' valid")
  assert.equal(withoutSecrets('dbname=a password=s3cret host=b'), "dbname=a password='***' host=b")
  assert.equal(withoutSecrets('select password from account'), 'select password from account')
})

const secret = 'top;sec,ret'

test('a password is hidden wherever a statement or an address may hold it, also where it was cut off', () => {
  for (const text of [
    `create subscription s connection 'host=h user=u password=${secret}' publication p`,
    `create subscription s connection 'host=h password=''${secret} 2'' user=u'`,
    `select dblink_connect('dbname=x password = ${secret}')`,
    `alter role x password E'it\\'s ${secret}' valid`,
    `alter role x password U&'${secret}'`,
    `alter role x password $$${secret}$$`,
    `alter role x encrypted password $a$ $$ ${secret}$a$`,
    `alter role x password '${secret}`,
    `select from account where user_password <> '${secret}'`,
    `insert into kept values ('{"password": "a\\" ${secret}"}')`,
    `postgres://h/db?user=u&password=${secret}`,
    `PGPASSWORD=${secret} x`,
    `postgres://u:top/${secret}@h/db`,
    `postgres://u:p@w/${secret}@h1:5432,h2/db`,
  ])
    assert.doesNotMatch(withoutSecrets(text), /top;|sec,ret/, text)
  for (const text of [
    'where password = $1 and name = $2',
    'password authentication failed for user "app"',
    'select u.password, \'x\' from "user" as u',
    'update account set password_hash = $1',
    'http://host:8080/a and postgres://h:5432/db?user=u',
  ])
    assert.equal(withoutSecrets(text), text)
})

test('text of others cannot steer the terminal: what it would obey is written out', () => {
  const text = 'a\u001b[2J\u009b1m\r\nb'
  assert.equal(table(['Head'], [[text]]).split('\n')[1], '  a\\u001b[2J\\u009b1m b')
  assert.equal(columns([[text, 'c']]), '  a\\u001b[2J\\u009b1m b   c')
  assert.equal(describeFailure(new UsageError(text)), 'plinth: a\\u001b[2J\\u009b1m\\u000d\nb. See plinth --help.')
})

test('the guides name every command', () => {
  const pages = [
    'docs/guides/commands.md',
    'docs/guides/seeds.md',
    'docs/guides/migrations.md',
    'packages/cli/README.md',
  ]
  const text = pages.map((page) => readFileSync(new URL(`../../../${page}`, import.meta.url), 'utf8')).join('\n')
  assert.deepEqual(
    commands.map(({ name }) => name).filter((name) => !text.includes(`plinth ${name}`)),
    [],
  )
})
