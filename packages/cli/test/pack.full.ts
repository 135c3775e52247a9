import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'

// What a user gets from npm: the tarballs of the packages, installed in an empty project and run without any of our
// options. The oldest Node we promise is installed with them.
const oldestNode = '22.18.0'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'plinth-pack-'))
after(() => rmSync(folder, { recursive: true }))

// Settings of the npm that runs this test must not reach the npm under test.
const outer = Object.entries(process.env).filter(([name]) => !name.startsWith('npm_') && name !== 'NODE_OPTIONS')
const env = { ...Object.fromEntries(outer), npm_config_update_notifier: 'false' }

function npm(cwd: string, ...args: readonly string[]): string {
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error']
  return execFileSync('npm', [...args, ...quiet], { cwd, env, encoding: 'utf8', timeout: 300_000 })
}

function pack(): Readonly<Record<'plinth' | 'hub' | 'cli', string>> {
  npm(root, 'pack', '--workspaces', '--pack-destination', folder)
  const tarball = (start: string): string => {
    const name = readdirSync(folder).find((file) => file.startsWith(start) && file.endsWith('.tgz'))
    assert.ok(name, `npm pack made no ${start}*.tgz`)
    return join(folder, name)
  }
  return { plinth: tarball('plinth-0'), hub: tarball('plinth-hub'), cli: tarball('plinth-cli') }
}

function createProject(name: string, manifest: object): string {
  const project = join(folder, name)
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name, private: true, type: 'module', ...manifest }))
  return project
}

function run(cwd: string, command: string, args: readonly string[], more: NodeJS.ProcessEnv = {}): string {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    env: { ...env, ...more },
    encoding: 'utf8',
    timeout: 120_000,
  })
  assert.equal(status, 0, `${command} ${args.join(' ')}\n${stdout}${stderr}`)
  return stdout
}

const program = `
import assert from 'node:assert/strict'
import { createDatabase, isPlinthError, sql, table } from 'plinth'
import { compile } from 'plinth/operation'
import { connectHub } from 'plinth/hub-client'
import { startEmbedded } from 'plinth/embedded'
import { task } from 'plinth/services'

assert.equal(typeof connectHub, 'function')
assert.equal(typeof startEmbedded, 'function')
assert.equal(typeof task, 'function')
assert.match(compile(table('users').get(7)).text, /from "users"/)

const db = createDatabase({ url: process.env.DATABASE_URL })
await db.connect({ deadlineMs: 20_000 })
const { rows } = await db.query(sql\`select \${7}::int as seven\`)
assert.deepEqual(rows, [{ seven: 7 }])
const names = await db.transaction(async (tx) => {
  await tx.query('create temporary table names (name text) on commit drop')
  return (await tx.query("insert into names values ('Ada') returning name")).rows
})
assert.deepEqual(names, [{ name: 'Ada' }])
const error = await db.query('select * from there_is_no_such_table').catch((failure) => failure)
assert.ok(isPlinthError(error, 'UndefinedObject'), String(error))
await db.close()
console.log('ran on ' + process.versions.node)
`

const typedProgram = `
import { createDatabase, type Database, PlinthError, sql, table, type Transaction } from 'plinth'
import { connectHub } from 'plinth/hub-client'
import { startEmbedded } from 'plinth/embedded'
import { task } from 'plinth/services'

async function rename(tx: Transaction, id: number, name: string): Promise<number> {
  return (await tx.query(sql\`update users set name = \${name} where id = \${id}\`)).rowCount
}

const db: Database = createDatabase({ url: 'postgres://localhost/app', pool: { max: 4 } })
await db.transaction((tx) => rename(tx, 7, 'Ada'))
await db.run(table('users').get(7))
// @ts-expect-error a database is not a transaction
await rename(db, 7, 'Ada')
console.log(task('tidy', async () => {}).name, connectHub, startEmbedded, new PlinthError('RowNotFound', 'none').outcome)
`

const telemetry = `
import assert from 'node:assert/strict'
import { createDatabase, logObservations } from 'plinth'
import { openTelemetryObservations } from 'plinth/otel'
import { prometheusObservations } from 'plinth/prometheus'
import { sentryObservations } from 'plinth/sentry'
import { expressDatabase } from 'plinth/express'
import { fastifyDatabase } from 'plinth/fastify'
import fastify from 'fastify'
import { Registry } from 'prom-client'

const registry = new Registry()
const log = console
const stops = [
  logObservations({ trace: log.log, debug: log.log, info: log.log, warn: log.log, error: log.log }),
  prometheusObservations(registry),
  openTelemetryObservations(),
  sentryObservations(),
]
const db = createDatabase({ url: process.env['DATABASE_URL'] ?? '', service: 'packed' })
await db.query('select 1')
assert.equal(typeof expressDatabase(db).ready, 'function')
const app = fastify()
await app.register(fastifyDatabase, { database: db })
assert.equal((await app.inject('/ready')).statusCode, 200)
await app.close()
assert.equal(db.state, 'closed')
assert.match(await registry.metrics(), /plinth_statement_duration_seconds_count.*summary="SELECT"/)
for (const stop of stops) stop()
`

/** Of `program.ts` in the folder of a project. */
function checkTypes(project: string, options: { readonly skipLibCheck: boolean }): void {
  const compilerOptions = {
    ...options,
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2024', 'esnext.disposable'],
    strict: true,
    noEmit: true,
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
  }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }))
  run(project, join(root, 'node_modules/.bin/tsc'), ['-p', project, '--pretty', 'false'])
}

const tarballs = pack()

for (const [name, tarball] of Object.entries(tarballs)) {
  test(`the package of ${name} holds JavaScript with its types, a licence and a README, and nothing else`, () => {
    const files = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n')
    for (const file of ['package.json', 'LICENSE', 'README.md', 'dist/index.js', 'dist/index.d.ts']) {
      if (name === 'cli' && file.startsWith('dist/')) continue
      assert.ok(files.includes(`package/${file}`), `${file} is missing`)
    }
    const odd = files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    assert.deepEqual([...odd, ...files.filter((file) => /\/(src|test)\//.test(file))], [])
  })
}

test('in dist each import names JavaScript, and each entry point has its types', () => {
  for (const name of ['plinth', 'hub', 'cli']) {
    const dist = join(root, 'packages', name, 'dist')
    const wrong = globSync('**/*.{js,d.ts}', { cwd: dist }).filter((path) =>
      /(?:from |import\()['"][^'"]*\.ts['"]/.test(readFileSync(join(dist, path), 'utf8')),
    )
    assert.deepEqual(wrong, [])
  }
})

const library = createProject('library', { allowScripts: { node: true } })

test('an empty project with plinth and pg runs plain JavaScript, on the oldest Node too', () => {
  npm(library, 'install', tarballs.plinth, 'pg', '@types/pg')
  npm(library, 'install', '--save-dev', `node@${oldestNode}`)
  writeFileSync(join(library, 'program.js'), program)
  const DATABASE_URL = process.env['PLINTH_TEST_DATABASE_URL']
  assert.match(run(library, process.execPath, ['program.js'], { DATABASE_URL }), /ran on/)
  const oldest = run(library, join(library, 'node_modules/.bin/node'), ['program.js'], { DATABASE_URL })
  assert.equal(oldest, `ran on ${oldestNode}\n`)
})

test('its types are complete: a program is checked against them, and they are checked themselves', () => {
  writeFileSync(join(library, 'program.ts'), typedProgram)
  checkTypes(library, { skipLibCheck: false })
})

test('telemetry and the HTTP adapters run beside the peers they ask for, and its types agree with theirs', () => {
  const project = createProject('telemetry', {})
  npm(
    project,
    'install',
    tarballs.plinth,
    'pg',
    '@opentelemetry/api@1',
    '@sentry/node@11',
    'prom-client@15',
    'fastify@5',
  )
  writeFileSync(join(project, 'program.ts'), telemetry)
  const DATABASE_URL = process.env['PLINTH_TEST_DATABASE_URL']
  assert.match(run(project, process.execPath, ['program.ts'], { DATABASE_URL }), /SELECT took/)
  // The types of other packages are theirs to keep right.
  checkTypes(project, { skipLibCheck: true })
})

test('an empty project with @plinth/cli has a working command', () => {
  // Not on the registry before they are published, so the two packages below the command come from their tarballs.
  const overrides = { plinth: `file:${tarballs.plinth}`, '@plinth/hub': `file:${tarballs.hub}` }
  const project = createProject('command', { overrides })
  npm(project, 'install', tarballs.cli, '--omit=optional')
  assert.ok(!existsSync(join(project, 'node_modules/@plinth/cli/src')))
  const path = `${join(root, 'node_modules/.bin')}:${process.env['PATH']}`
  assert.match(run(project, 'npx', ['--no-install', 'plinth', '--version'], { PATH: path }), /0\.1\.0/)
  const hub = "import('@plinth/hub').then(({ createHub }) => console.log(typeof createHub))"
  assert.equal(run(project, process.execPath, ['--input-type=module', '--eval', hub]), 'function\n')
})
