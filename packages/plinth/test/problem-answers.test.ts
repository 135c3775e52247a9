import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, PlinthError } from '../src/errors.ts'
import { problemOf } from '../src/http/problem.ts'

interface Expected {
  readonly code: ErrorCode
  readonly status: number
  readonly retryAfter?: number
  /** Of pg's own errors that get the same answer. */
  readonly sqlstates?: readonly string[]
}

// The table of answers in docs/guides/health-and-shutdown.md, code by code.
const answers: readonly Expected[] = [
  { code: 'UniqueViolation', status: 409, sqlstates: ['23505'] },
  { code: 'ForeignKeyViolation', status: 409, sqlstates: ['23503', '23001'] },
  { code: 'ExclusionViolation', status: 409, sqlstates: ['23P01'] },
  { code: 'CheckViolation', status: 422, sqlstates: ['23514'] },
  { code: 'NotNullViolation', status: 422, sqlstates: ['23502'] },
  { code: 'InvalidValue', status: 422, sqlstates: ['22001', '22003', '22P02'] },
  { code: 'ConnectionFailed', status: 503, retryAfter: 5 },
  { code: 'ConnectionLost', status: 503, retryAfter: 5, sqlstates: ['08006', '57P01', '57P02', '57P03'] },
  { code: 'DatabaseClosed', status: 503, retryAfter: 5 },
  { code: 'AuthenticationFailed', status: 503, retryAfter: 5 },
  { code: 'ReadOnlyServer', status: 503, retryAfter: 5, sqlstates: ['25006'] },
  { code: 'ServerOverloaded', status: 503, retryAfter: 1, sqlstates: ['53300'] },
  { code: 'PoolTimeout', status: 503, retryAfter: 1 },
  { code: 'PoolOverloaded', status: 503, retryAfter: 1 },
  { code: 'PoolSelfDeadlock', status: 503, retryAfter: 1 },
  { code: 'SerializationFailure', status: 503, retryAfter: 1, sqlstates: ['40001'] },
  { code: 'DeadlockDetected', status: 503, retryAfter: 1, sqlstates: ['40P01'] },
  { code: 'LockTimeout', status: 503, retryAfter: 1, sqlstates: ['55P03'] },
  { code: 'IdempotencyInFlight', status: 409, retryAfter: 1 },
  { code: 'IdempotencyConflict', status: 422 },
  { code: 'StatementTimeout', status: 504, sqlstates: ['57014'] },
  { code: 'TransactionTimeout', status: 504 },
  { code: 'CommitUnknown', status: 500 },
  { code: 'StatementFailed', status: 500, sqlstates: ['P0001', '42P01', 'XX000'] },
  { code: 'TransactionAborted', status: 500 },
]

/** As pg makes it of an ErrorResponse. */
function pgError(code: string): Error {
  return Object.assign(new Error('ada said so'), { severity: 'ERROR', code })
}

for (const { code, status, retryAfter, sqlstates = [] } of answers)
  test(`${[code, ...sqlstates].join(', ')}: ${status}, from our error, pg's, and one that wraps it`, () => {
    const failures = [new PlinthError(code, 'ada said so'), ...sqlstates.map(pgError)]
    for (const failure of failures)
      for (const error of [failure, new Error('ada said so', { cause: failure })]) {
        const problem = problemOf(error)
        const got = [problem?.status, problem?.retryAfter, problem?.body.status]
        assert.deepEqual(got, [status, retryAfter, status], String(failure))
        assert.equal(JSON.stringify(problem).includes('ada'), false)
        const isWrappedFailure = status === 500 && error !== failure
        if (!isWrappedFailure) assert.equal(problem?.body.code, code)
      }
  })

test('an error that is not of the database, or has a status of its own, has no answer here', () => {
  assert.equal(problemOf(new RangeError('mine')), undefined)
  assert.equal(problemOf(Object.assign(new Error('mine'), { code: 'ECONNRESET' })), undefined)
  assert.equal(problemOf('mine'), undefined)
  const notFound = Object.assign(new Error('mine', { cause: pgError('P0001') }), { statusCode: 404 })
  assert.equal(problemOf(notFound), undefined)
})
