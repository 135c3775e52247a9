import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { seededRandom } from '../src/database/seeded-random.ts'
import { createDatabase } from '../src/index.ts'
import { type MigrationProgress, migrationStatus, resolveMigration, runMigrations } from '../src/migrate.ts'
import { until } from './support/activity.ts'
import { migratedDatabase, migrationFolder } from './support/migrations.ts'
import { startProxy } from './support/proxy.ts'

const { url, db, activity, empty: dropAll } = await migratedDatabase()
beforeEach(() => empty())

const empty = async (): Promise<void> => {
  await dropAll()
  await activity.query('create table effect (migration int, statement int)')
}

const program = fileURLToPath(new URL('support/migrate-program.ts', import.meta.url))
const args = ['--conditions=plinth-dev', program]

interface Running {
  readonly child: ChildProcess
  readonly go: () => void
  readonly ended: Promise<{ readonly code: number | null; readonly output: string }>
}

/** Resolves when it is connected; `go` lets it migrate. */
async function start(folder: string): Promise<Running> {
  const child = spawn(process.execPath, [...args, url, folder], { stdio: ['pipe', 'pipe', 'pipe'] })
  after(() => child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  const ended = once(child, 'close').then(([code]) => ({ code: Number(code), output }))
  await Promise.race([once(child.stdout, 'data'), ended])
  return { child, go: () => child.stdin.write('go'), ended }
}

/** Its backend may still be at work on the statement that was running when its client was killed. */
const backendGone = (): Promise<unknown> => until(async () => (await activity.count('migrate-program')) === 0)
const effects = async (): Promise<number> => (await activity.query('select from effect')).length

/** Inserts a row with each statement, and takes a moment for it. */
function statements(migration: number, count: number): string {
  const one = (at: number): string =>
    `insert into effect select ${migration}, ${at} from (select pg_sleep(0.01)) as pause;`
  return Array.from({ length: count }, (_, i) => one(i + 1)).join('\n')
}

test('twenty processes that start at once apply each migration once', async (t) => {
  const numbers = [1, 2, 3, 4, 5]
  const files = numbers.map((n) => [`000${n}_m/up.sql`, `create table t${n} ();\n${statements(n, 4)}`])
  const folder = migrationFolder({
    ...Object.fromEntries(files),
    '0006_index/up.sql': '-- plinth: no-transaction\ncreate index concurrently a on effect (migration);',
  })
  await activity.query('drop schema plinth cascade')
  const processes = await Promise.all(Array.from({ length: 20 }, () => start(folder)))
  const from = performance.now()
  for (const { go } of processes) go()
  const ended = await Promise.all(processes.map((one) => one.ended))
  const ms = Math.round(performance.now() - from)
  assert.deepEqual(
    ended.filter(({ code }) => code !== 0),
    [],
  )
  const ran = ended.map(({ output }) => (/^done (.*)$/m.exec(output)?.[1] ?? '').split(' ').filter(Boolean))
  t.diagnostic(`20 processes, ${ms} ms: ${ran.map(({ length }) => length).join(' ')} migrations each`)
  assert.deepEqual(ran.flat().sort(), ['0001_m', '0002_m', '0003_m', '0004_m', '0005_m', '0006_index'])
  assert.equal(await effects(), 20)
  const history = await activity.query('select number from plinth.migration_history order by id')
  assert.deepEqual(
    history.map(({ number }) => number),
    [1, 2, 3, 4, 5, 6],
  )
})

const kills = 20
/** Of them, so many at least must meet the migration at work: elsewhere a kill shows nothing. */
const leastInside = 5

/** How long the migration takes here and now, from its first statement until it is recorded. */
async function measure(folder: string): Promise<number> {
  const { child, go, ended } = await start(folder)
  go()
  const { stdout } = child
  assert.ok(stdout)
  await once(stdout, 'data')
  const from = performance.now()
  const done = new Promise<void>((resolve) => {
    stdout.on('data', (text: string) => /^done/m.test(text) && resolve())
  })
  await Promise.race([done, ended])
  const ms = performance.now() - from
  await ended
  return ms
}

/** Kills the process a random time after its first statement was sent. Resolves with the statement it had come to. */
async function killAfter(folder: string, ms: number): Promise<number> {
  const { child, go, ended } = await start(folder)
  go()
  assert.ok(child.stdout)
  await once(child.stdout, 'data')
  await sleep(ms)
  child.kill('SIGKILL')
  const { output } = await ended
  await backendGone()
  return output.match(/^statement/gm)?.length ?? 0
}

test('a process that is killed in the middle of a migration leaves it whole or not at all', async (t) => {
  const count = 20
  const folder = migrationFolder({ '0001_m/up.sql': statements(1, count) })
  const random = seededRandom(20_261_128)
  const lengthMs = await measure(folder)
  const seen: string[] = []
  for (let kill = 0; kill < kills; kill++) {
    await empty()
    const at = await killAfter(folder, random() * lengthMs)
    const [status] = await migrationStatus(db, { folder })
    const isWhole = status?.state === 'applied'
    seen.push(`${at}${isWhole ? ' whole' : ''}`)
    assert.equal(await effects(), isWhole ? count : 0)
    await runMigrations(db, { folder })
    assert.equal(await effects(), count)
  }
  assert.ok(seen.filter((one) => !one.endsWith('whole')).length >= leastInside, seen.join(', '))
  t.diagnostic(`killed at statement ${seen.join(', ')} of ${count}; afterwards each was run to its end`)
})

test('a process that is killed in a file without a transaction leaves it broken, with its statement', async (t) => {
  const count = 20
  const folder = migrationFolder({ '0001_m/up.sql': `-- plinth: no-transaction\n${statements(1, count)}` })
  const random = seededRandom(81_103)
  const lengthMs = await measure(folder)
  const seen: string[] = []
  for (let kill = 0; kill < kills; kill++) {
    await empty()
    const at = await killAfter(folder, random() * lengthMs)
    const [status] = await migrationStatus(db, { folder })
    const rows = await effects()
    seen.push(`${at}: ${status?.state}${status?.stoppedAt ? ` at ${status.stoppedAt.statement}` : ''}, ${rows} rows`)
    if (status?.state === 'applied') {
      assert.equal(rows, count)
      continue
    }
    assert.equal(status?.state, 'broken')
    const stoppedAt = status.stoppedAt?.statement ?? 0
    // The statement it names was done, or was not.
    assert.ok(rows === stoppedAt || rows === stoppedAt - 1, seen.at(-1))
    await assert.rejects(runMigrations(db, { folder }), { code: 'MigrationBroken', message: /when its process ended/ })
    assert.equal(await effects(), rows)
    await activity.query('truncate effect')
    await resolveMigration(db, { folder, number: 1, as: 'reverted' })
    await runMigrations(db, { folder })
    assert.equal(await effects(), count)
  }
  assert.ok(seen.filter((one) => one.includes('broken')).length >= leastInside, seen.join('; '))
  t.diagnostic(`killed at statement ${seen.join('; ')}`)
})

for (const side of ['request', 'answer'] as const) {
  test(`a COMMIT whose ${side} is lost on the way is no failure, and what follows it is run`, async () => {
    const folder = migrationFolder({
      '0001_a/up.sql': statements(1, 1),
      '0002_b/up.sql': statements(2, 1),
      '0003_c/up.sql': statements(3, 1),
    })
    await using proxy = await startProxy(url)
    await using through = createDatabase({ url: proxy.url, pool: { max: 2 } })
    let isLost = false
    const onProgress = (one: MigrationProgress): void => {
      if (isLost || one.kind !== 'statement' || one.migration.number < 2) return
      isLost = true
      void proxy.loseCommit(side)
    }
    const results = await runMigrations(through, { folder, onProgress })
    assert.deepEqual(
      results.map(({ number }) => number),
      [1, 2, 3],
    )
    assert.equal(await effects(), 3)
  })
}
