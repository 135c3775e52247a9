import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { isPlinthError } from '../src/errors.ts'
import type { Operation } from '../src/operation/operation.ts'
import { parseOperation } from '../src/operation/parse-operation.ts'
import { compileBody } from '../src/sql/body.ts'
import { compile } from '../src/sql/compile.ts'
import type { Statement } from '../src/sql/parameters.ts'
import { testDatabase } from './support/database.ts'
import { inLibrary, librarySchema } from './support/library.ts'
import { answer, pgRunner } from './support/pg-runner.ts'

const { url } = await testDatabase({ script: librarySchema })
const runner = pgRunner(url)
after(() => runner.close())

/** In every place of a value; it may stand in none of a text. */
const canary = 'c4n4ry'
const value = fc.constantFrom(`${canary}'"`, `${canary}\\`, `1${canary}`, `{${canary}}`, `$1 ${canary}`)
const plain = { noNullPrototype: true } as const
const column = fc.oneof(
  { weight: 8, arbitrary: fc.constant('id') },
  { weight: 1, arbitrary: fc.constantFrom('name', 'title', 'writer', 'note', 'facts', 'shout', 'nothing') },
)
const steps = fc.array(fc.oneof(value, fc.constantFrom('-1', '0')), { minLength: 1, maxLength: 3 })
const path = fc.record({ steps, as: fc.constantFrom('json', 'text'), of: fc.constant('row') } as const, {
  requiredKeys: ['steps', 'as'],
  ...plain,
})
const field = { column, path }
const needed = ['column', 'kind', 'operator', 'value', 'values', 'quantifier', 'query', 'embed', 'of', 'name'] as const
const operator = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('eq', 'neq', 'lt', 'isdistinct') },
  { weight: 1, arbitrary: fc.constantFrom('like', 'match', 'cs', 'ov', 'sl', 'adj') },
)
const state = fc.constantFrom('null', 'not_null', 'true', 'unknown')
const embedName = fc.constantFrom('e1', 'e2', 'e3')
const kind = <K extends string>(name: K): fc.Arbitrary<K> => fc.constant(name)
const some = (given: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<unknown> =>
  fc.record(given, { requiredKeys: Object.keys(given).filter((key) => needed.some((one) => one === key)), ...plain })

const leaf = fc.oneof(
  some({ kind: kind('compare'), ...field, operator, value }),
  some({
    kind: kind('compare each'),
    ...field,
    operator,
    quantifier: fc.constantFrom('any', 'all'),
    values: fc.array(value),
  }),
  some({ kind: kind('in'), ...field, values: fc.array(value, { maxLength: 3 }) }),
  some({ kind: kind('is'), ...field, value: state }),
  some({
    kind: kind('search'),
    ...field,
    query: fc.constantFrom('fts', 'plfts', 'phfts', 'wfts'),
    language: value,
    value,
  }),
  some({ kind: kind('embedded'), embed: embedName, value: fc.constantFrom('null', 'not_null') }),
)
const { condition, outputs } = fc.letrec<{ condition: unknown; outputs: unknown; output: unknown }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    leaf,
    some({ kind: fc.constantFrom('and', 'or'), of: fc.array(tie('condition'), { minLength: 1, maxLength: 3 }) }),
    some({ kind: kind('not'), of: tie('condition') }),
  ),
  output: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.record(
      {
        ...field,
        as: fc.constantFrom('a', 'b'),
        cast: fc.constantFrom('text', 'int[]'),
        aggregate: some({ name: kind('max') }),
      },
      { requiredKeys: ['column'], ...plain },
    ),
    fc.record({ count: kind('rows') }, plain),
    embed(tie('outputs'), tie('condition')),
  ),
  outputs: fc.oneof(fc.constant('all'), fc.array(tie('output'), { maxLength: 4 })),
}))
const order = fc.array(
  fc.record(
    { ...field, embed: embedName, direction: kind('desc'), nulls: fc.constantFrom('first', 'last') },
    { requiredKeys: ['column'], ...plain },
  ),
  { maxLength: 2 },
)

function embed(columns: fc.Arbitrary<unknown>, where: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const on = fc.constantFrom(
    [['id', 'id']],
    [
      ['writer', 'id'],
      ['id', 'id'],
    ],
  )
  const join = fc.oneof(
    fc.record({ kind: kind('columns'), on }, plain),
    fc.record({ kind: kind('through'), relation: fc.constant(inLibrary('loan')), on, to: on }, plain),
    fc.record({ kind: kind('function'), function: fc.constant(inLibrary('long_books')) }, plain),
  )
  return fc.record(
    {
      embed: fc.constantFrom('book', 'writer', 'town').map(inLibrary),
      as: embedName,
      join,
      rows: fc.constantFrom('one', 'many'),
      isInner: fc.constant(true),
      isSpread: fc.constant(true),
      columns,
      where,
      order: fc.constant([{ column: 'id' }]),
      limit: fc.nat({ max: 9 }),
    },
    { requiredKeys: ['embed', 'as', 'join', 'rows', 'columns'], ...plain },
  )
}

const target = fc.constantFrom('book', 'writer').map(inLibrary)
const row = fc.dictionary(column, fc.oneof(value, fc.nat()), { minKeys: 1, maxKeys: 3, noNullPrototype: true })
const rows = fc.array(row, { minLength: 1, maxLength: 2 })
const returning = outputs
const result = kind('rows')
const operation = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record(
      { kind: kind('select'), target, columns: outputs, where: condition, order, limit: fc.nat(9), result },
      { requiredKeys: ['kind', 'target', 'columns', 'result'], ...plain },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.record(
      { kind: kind('count'), target, columns: outputs, where: condition, result: kind('count') },
      plain,
    ),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind('insert'), target, rows, returning, order, result }, plain) },
  {
    weight: 1,
    arbitrary: fc.record(
      {
        kind: kind('upsert'),
        target,
        rows,
        conflict: fc.constant(['id']),
        action: fc.constantFrom('update', 'ignore'),
        where: condition,
        returning,
        result,
      },
      plain,
    ),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: kind('update'), target, set: row, where: condition, returning, order, result }, plain),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind('delete'), target, where: condition, returning, result }, plain) },
  {
    weight: 1,
    arbitrary: fc.record(
      {
        kind: kind('call'),
        target: fc.constant(inLibrary('books_since')),
        args: fc.record({ since: value }, plain),
        columns: outputs,
        where: condition,
        order,
        result,
      },
      plain,
    ),
  },
)

/** What PostgreSQL may say to a statement that is well written: that a name, a function or an operator is not there. */
const aboutNames: ReadonlySet<string> = new Set([
  '42703',
  '42883',
  '42P01',
  '42804',
  '42803',
  '42846',
  '42702',
  '42601',
])

test('whatever passes for an operation compiles to a text that PostgreSQL can parse, and holds no value', async () => {
  let parsed = 0
  await fc.assert(
    fc.asyncProperty(operation, async (input) => {
      const one = parseOperation(input)
      for (const write of [compile, ...(one.kind === 'count' ? [] : [() => bodyOf(one)])]) {
        const statement = compiled(() => write(one))
        if (statement === undefined) continue
        assert.ok(!statement.text.includes(canary), statement.text)
        if (await isParsed(statement)) parsed++
      }
    }),
    { numRuns: 80 },
  )
  assert.ok(parsed > 10, `${parsed} were parsed whole`)
})

const bodyOf = (one: Exclude<Operation, { kind: 'count' }>): Statement =>
  compileBody(one, { exactCount: true, maxRows: 7, readsResponse: true, mostBytes: 1000 })

/** Undefined for what is refused by its meaning, such as an aggregate of rows that are spread as lists. */
function compiled(write: () => Statement): Statement | undefined {
  try {
    return write()
  } catch (error) {
    assert.ok(isPlinthError(error) && error.code === 'InvalidOperation', String(error))
    return undefined
  }
}

async function isParsed({ text }: Statement): Promise<boolean> {
  try {
    await answer(runner.client, { text: `prepare parsed as ${text}`, values: [] })
    await answer(runner.client, { text: 'deallocate parsed', values: [] })
    return true
  } catch (error) {
    assert.ok(isPlinthError(error), String(error))
    assert.ok(aboutNames.has(error.sqlstate ?? '') && !/syntax error/.test(error.message), `${error.message}\n${text}`)
    return false
  }
}
