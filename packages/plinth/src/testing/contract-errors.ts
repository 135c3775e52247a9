import assert from 'node:assert/strict'
import { type ErrorCode, isPlinthError, type ServerReport } from '../errors.ts'
import { call } from '../operation/call.ts'
import type { Operation } from '../operation/operation.ts'
import { table } from '../operation/table.ts'
import { type ContractCase, members, people, posts, type Runner } from './contract-schema.ts'

interface Failing {
  readonly title: string
  readonly operation: Operation
  readonly code: ErrorCode
  readonly sqlstate?: string
  readonly server?: Partial<ServerReport>
}

const failing: readonly Failing[] = [
  {
    title: 'a second row with a unique value',
    operation: people.insert({ email: 'ada@x.org' }),
    code: 'UniqueViolation',
    sqlstate: '23505',
    server: { constraint: 'contract_person_email', table: 'contract_person' },
  },
  {
    title: 'a reference to no row',
    operation: posts.insert({ author: 99, title: 'Notes' }),
    code: 'ForeignKeyViolation',
    sqlstate: '23503',
    server: { constraint: 'contract_post_author', table: 'contract_post' },
  },
  {
    title: 'a null where none may be',
    operation: posts.insert({ author: 1 }),
    code: 'NotNullViolation',
    sqlstate: '23502',
    server: { column: 'title' },
  },
  {
    title: 'a value a check forbids',
    operation: people.update(1, { age: -1 }),
    code: 'CheckViolation',
    sqlstate: '23514',
    server: { constraint: 'contract_person_age' },
  },
  {
    title: 'a condition that is no value of the type',
    operation: table('contract_person').get('seven'),
    code: 'InvalidValue',
    sqlstate: '22P02',
  },
  {
    title: 'a written value that is none of the type',
    operation: table('contract_person').insert({ email: 'x', age: 'old' }),
    code: 'InvalidValue',
    sqlstate: '22P02',
  },
  { title: 'a table that does not exist', operation: table('contract_none').get(1), code: 'UndefinedObject' },
  {
    title: 'a column that does not exist',
    operation: table('contract_person').find({ nmae: 'Ada' }),
    code: 'UndefinedObject',
  },
  {
    title: 'a written column that does not exist',
    operation: table('contract_person').insert({ email: 'x', nmae: 'Ada' }),
    code: 'UndefinedObject',
  },
  { title: 'a function that does not exist', operation: call('contract_none', {}, 'value'), code: 'UndefinedObject' },
  {
    title: 'what PostgreSQL does not permit',
    operation: call('contract_refuse', {}, 'value'),
    code: 'PermissionDenied',
    sqlstate: '42501',
  },
  { title: 'get of a row that is not there', operation: people.get(99), code: 'RowNotFound' },
  { title: 'update of a row that is not there', operation: people.update(99, { age: 1 }), code: 'RowNotFound' },
  {
    title: 'delete of a row that is not there',
    operation: members.delete({ team: 'a', person: 1 }),
    code: 'RowNotFound',
  },
  {
    title: 'an empty condition in a handmade delete',
    operation: { kind: 'delete', target: { name: 'contract_person' }, where: { kind: 'and', of: [] }, result: 'count' },
    code: 'InvalidOperation',
  },
]

async function rejection(runner: Runner, operation: Operation): Promise<unknown> {
  try {
    await runner.run(operation)
  } catch (error) {
    return error
  }
  return assert.fail('the operation did not fail')
}

export const errorCases: readonly ContractCase[] = failing.map(({ title, operation, code, sqlstate, server }) => ({
  title: `${title} is ${code}, and nothing is applied`,
  check: async (runner) => {
    await runner.run(people.insert({ id: 1, email: 'ada@x.org' }))
    const error = await rejection(runner, operation)
    assert.ok(isPlinthError(error), String(error))
    assert.equal(error.code, code, error.message)
    assert.equal(error.outcome, 'not applied')
    if (sqlstate !== undefined) assert.equal(error.sqlstate, sqlstate)
    for (const [field, value] of Object.entries(server ?? {}))
      assert.equal(new Map<string, unknown>(Object.entries(error.server ?? {})).get(field), value, field)
  },
}))
