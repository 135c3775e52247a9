import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { DatabaseIdentity, Observation, ObservationKind, TransactionRef } from '../src/index.ts'
import { type LogLevel, type Logger, logObservations } from '../src/observe/log.ts'
import { observationKinds, observe } from '../src/observe/observation.ts'

const guide = fileURLToPath(new URL('../../../docs/guides/telemetry.md', import.meta.url))
const database: DatabaseIdentity = { service: 'levels', host: 'here', port: 1, database: 'db' }
const transaction: TransactionRef = { id: 1, name: 'signUp', attempt: 1 }
const task = { id: '7', name: 'welcome', attempt: 1 } as const
const failure = { code: 'ConnectionLost', message: 'gone' } as const
const ms = 5

type Made<O = Observation> = O extends Observation ? Omit<O, 'database'> : never
type Clauses = Readonly<Record<string, readonly Made[]>>

const ended = { transaction, ms, outcome: 'committed' } as const
const statement = { kind: 'statement.end', summary: 'SELECT users', ms, rows: 1 } as const
const retry = { kind: 'retry', attempt: 1, delayMs: ms, failure } as const
const change = { kind: 'connection.state', from: 'disconnected', to: 'connecting' } as const

/** What the table of levels in the guide says, in its words, and what it says it of. */
const table: Readonly<Record<LogLevel, Clauses>> = {
  error: {
    '`connection.state` to `error`': [{ ...change, from: 'connected', to: 'error', failure }],
    '`leak`': [{ kind: 'leak', holder: 'signUp', heldMs: ms }],
    '`transaction.forgotten`': [{ kind: 'transaction.forgotten', transaction: 'signUp', statements: 1 }],
    '`transaction.end` with outcome `unknown`': [{ ...ended, kind: 'transaction.end', outcome: 'unknown' }],
    '`commit.unknown`': [{ kind: 'commit.unknown', transaction: 'signUp', why: 'nobody knows', ms }],
    '`commit.unreplicated`': [{ kind: 'commit.unreplicated', transaction: 'signUp' }],
    '`hook.failed`': [{ kind: 'hook.failed', transaction: 'signUp', failure }],
    '`task.dead`': [{ kind: 'task.dead', task, failure }],
    '`worker.failed`': [{ kind: 'worker.failed', attempt: 1, delayMs: ms, failure }],
    '`listener.failed`': [{ kind: 'listener.failed', failure }],
  },
  warn: {
    '`pool.oversized`': [{ kind: 'pool.oversized', max: 200, limit: 97, by: 'max_connections' }],
    '`connection.state` from `error` back to `connected`': [{ ...change, from: 'error', to: 'connected' }],
    '`replica.state` to `error`': [{ kind: 'replica.state', from: 'connected', to: 'error', failure }],
    '`connection.lost`': [{ kind: 'connection.lost', failure }],
    '`pool.wait` in vain': [{ kind: 'pool.wait', ms, failure }],
    'a statement slower than `slowStatementMs` (1,000), a transaction slower than `slowTransactionMs` (3,000)': [
      { ...statement, ms: 1001 },
      { ...ended, kind: 'transaction.end', ms: 3001 },
    ],
    '`retry` of connecting': [{ ...retry, what: 'connect' }],
    '`retry.refused`': [{ kind: 'retry.refused', what: 'transaction', attempt: 1, failure }],
    '`commit.resolved`': [{ kind: 'commit.resolved', transaction: 'signUp', isCommitted: true, ms }],
    '`transaction.idle`': [{ kind: 'transaction.idle', transaction: 'signUp', ms }],
    '`misuse`': [{ kind: 'misuse', what: 'root handle', transaction: 'signUp' }],
    '`task.end` with outcome `taken over`': [{ kind: 'task.end', task, ms, outcome: 'taken over', failure }],
  },
  info: {
    'other changes of `connection.state` and `replica.state`': [
      change,
      { ...change, from: 'connecting', to: 'connected' },
      { ...change, from: 'connected', to: 'draining' },
      { kind: 'replica.state', from: 'error', to: 'connected' },
    ],
    'a transaction that was rolled back': [{ ...ended, kind: 'transaction.end', outcome: 'rolled back', failure }],
    '`retry` of a statement or transaction': [
      { ...retry, what: 'statement' },
      { ...retry, what: 'transaction' },
    ],
    '`task.retry`': [{ kind: 'task.retry', task, delayMs: ms, failure }],
  },
  debug: {
    'statements, whether they failed or not (their caller has the error)': [
      statement,
      { ...statement, failure },
      { ...statement, ms: 1000 },
    ],
    'transactions and attempts that ended': [
      { ...ended, kind: 'transaction.end', ms: 3000 },
      { ...ended, kind: 'attempt.end' },
      { ...ended, kind: 'attempt.end', outcome: 'rolled back', failure },
    ],
    '`connection.open`': [{ kind: 'connection.open', ms }],
    '`pool.wait`': [{ kind: 'pool.wait', ms }],
    '`task.end`': [
      { kind: 'task.end', task, ms, outcome: 'done' },
      { kind: 'task.end', task, ms, outcome: 'failed', failure },
    ],
  },
  trace: {
    '`transaction.begin`, `attempt.begin`, `task.begin`': [
      { kind: 'task.begin', task },
      { kind: 'transaction.begin', transaction, readOnly: false },
      { kind: 'attempt.begin', transaction, readOnly: false },
    ],
  },
}

const levels = ['error', 'warn', 'info', 'debug', 'trace'] as const

/** The clauses of one level, as the guide has them. */
function documented(level: LogLevel): string[] {
  const line = readFileSync(guide, 'utf8')
    .split('\n')
    .find((one) => one.startsWith(`| ${level} | `))
  return (line ?? '').split(' | ')[1]?.replace(/ \|$/, '').split('; ') ?? []
}

/** The levels at which an observation was logged. */
function levelsOf(made: Made): LogLevel[] {
  const heard: LogLevel[] = []
  const at = (level: LogLevel) => (): void => void heard.push(level)
  const logger: Logger = {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    trace: at('trace'),
  }
  using _ = logObservations(logger)
  observe({ ...made, database })
  return heard
}

for (const level of levels)
  test(`what the guide lists as ${level} is logged as ${level}, once`, () => {
    assert.deepEqual(documented(level), Object.keys(table[level]))
    for (const [clause, made] of Object.entries(table[level]))
      for (const one of made) assert.deepEqual(levelsOf(one), [level], `${clause}: ${JSON.stringify(one)}`)
  })

test('each kind of observation has its place in the table of levels', () => {
  const kinds = levels.flatMap((level) => Object.values(table[level]).flatMap((made) => made.map(({ kind }) => kind)))
  const missing = observationKinds.filter((kind: ObservationKind) => !kinds.includes(kind))
  assert.deepEqual(missing, [])
})
