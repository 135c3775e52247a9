import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Migration, MigrationProgress } from 'plinth/migrate'
import { type ProgressStream, showProgress } from '../src/terminal/progress.ts'

const up = { kind: 'sql', file: '', text: '', statements: [], checksum: '', inTransaction: true }
const migration: Migration = JSON.parse(JSON.stringify({ id: '0001_users', number: 1, name: 'users', up }))
const direction = 'up'

const run: readonly MigrationProgress[] = [
  { kind: 'waiting', holder: undefined },
  { kind: 'waiting', holder: undefined },
  { kind: 'begin', migration, direction, at: 1, of: 2 },
  { kind: 'statement', migration, line: 3, at: 1, of: 4 },
  { kind: 'retry', migration, attempt: 2 },
  { kind: 'statement', migration, line: 3, at: 1, of: 4 },
  { kind: 'end', migration, direction, durationMs: 1500 },
]

function stream(isTTY: boolean): ProgressStream & { readonly written: () => string } {
  let written = ''
  return { isTTY, columns: 40, write: (text) => (written += String(text)) !== '', written: () => written }
}

test('without a terminal there is a line for each begin, end and retry, and for who waits one', () => {
  const out = stream(false)
  {
    using progress = showProgress(out)
    run.forEach(progress.migration)
    for (const done of [0, 10, 20]) progress.seed({ id: '010_plans', done, total: done === 0 ? 0 : 20 })
  }
  assert.deepEqual(out.written().split('\n'), [
    'waiting for another process, which migrates',
    '0001_users up, 1 of 2',
    '0001_users met a lock and is run again, attempt 2',
    '0001_users applied in 1.5 s',
    '010_plans',
    '',
  ])
})

test('without a terminal a long statement is told of once a minute, until the work is over', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const out = stream(false)
  const progress = showProgress(out)
  run.slice(2, 4).forEach(progress.migration)
  t.mock.timers.tick(59_999)
  assert.equal(out.written(), '0001_users up, 1 of 2\n')
  t.mock.timers.tick(60_001)
  assert.equal(out.written().match(/^0001_users, statement 1 of 4 \(line 3\), .* since the start$/gm)?.length, 2)
  progress[Symbol.dispose]()
  const before = out.written()
  t.mock.timers.tick(600_000)
  assert.equal(out.written(), before)
})

test('work on a scratch database is told of after a second, and in a file not each migration of it', (t) => {
  t.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] })
  const out = stream(false)
  const progress = showProgress(out)
  progress.scratch({ kind: 'open' })
  progress.scratch({ kind: 'migration', migration, direction, at: 1, of: 3 })
  t.mock.timers.tick(999)
  assert.equal(out.written(), '')
  t.mock.timers.tick(1)
  progress.scratch({ kind: 'migration', migration, direction, at: 2, of: 3 })
  assert.equal(out.written(), 'on a scratch database: 0001_users up, 1 of 3\n')
  t.mock.timers.tick(60_000)
  assert.match(out.written(), /\non a scratch database: 0001_users up, 2 of 3, .* since the start\n$/)
  progress[Symbol.dispose]()
})

test('what was proved within a second is not told of at all', (t) => {
  t.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] })
  const out = stream(true)
  {
    using progress = showProgress(out)
    progress.scratch({ kind: 'open' })
    t.mock.timers.tick(400)
  }
  t.mock.timers.tick(10_000)
  assert.doesNotMatch(out.written(), /scratch/)
})

test('on a terminal one line is written over and over within its width, and erased at the end', () => {
  const out = stream(true)
  {
    using progress = showProgress(out)
    run.forEach(progress.migration)
    progress.seed({ id: '010_plans', done: 10, total: 20 })
  }
  const drawn = out.written().split('\r\u001b[K')
  assert.ok(drawn.some((line) => line.startsWith('0001_users, statement 1 of 4 (line 3)')))
  assert.ok(drawn.some((line) => line.startsWith('010_plans ████████████░')))
  assert.ok(drawn.every((line) => line.length <= 39 && !line.includes('\n')))
  assert.equal(drawn.at(-1), '')
})
