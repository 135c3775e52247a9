import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Condition, Order, Output } from 'plinth'
import type { CatalogRelation } from 'plinth/operation'
import { defaultLimits } from '../src/limits.ts'
import { type Parameters, parseParameters } from '../src/query/parameters.ts'
import { createBudget } from '../src/query/scanner.ts'
import type { Scope } from '../src/query/scope.ts'
import { parseUrl } from '../src/query/url.ts'
import { Refusal } from '../src/refusal.ts'

/** Rows of no relation, as a function yields them: any name may be a column. */
const scope: Scope = {
  catalog: {
    schemas: ['public'],
    relations: new Map(),
    functions: new Map(),
    handlers: [],
    comments: new Map(),
    timeZones: new Set(),
  },
  columns: new Map(['a', 'b'].map((column) => [column, { name: column, type: 'text', oid: 25 }])),
  name: 't',
  schema: 'public',
  hasAggregates: false,
}

function parse(query: string): Parameters {
  return parseParameters(parseUrl(`/t?${query}`).parameters, scope, createBudget(defaultLimits))
}

const quote = (text: string): string => `"${text.replaceAll(/["\\]/g, '\\$&')}"`

/** Any text, hostile characters first. */
const text = fc.oneof(
  fc.constantFrom(
    '',
    '"',
    '\\',
    ',',
    ')',
    '(',
    '.',
    '*',
    "'",
    '--',
    '%',
    '&',
    '=',
    '+',
    '::',
    '->',
    'null',
    'not.',
    ' x ',
  ),
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.string({ unit: 'binary-ascii', maxLength: 8 }),
)
const name = text.filter((value) => value !== '')

const plain = { noNullPrototype: true } as const
const leaf: fc.Arbitrary<Condition> = fc.oneof(
  fc.record(
    {
      kind: fc.constant('compare' as const),
      column: name,
      operator: fc.constantFrom('eq', 'neq', 'gt', 'gte', 'lt', 'lte'),
      value: text,
    },
    plain,
  ),
  fc.record(
    { kind: fc.constant('in' as const), column: name, values: fc.array(text, { minLength: 1, maxLength: 4 }) },
    plain,
  ),
  fc.record(
    {
      kind: fc.constant('is' as const),
      column: name,
      value: fc.constantFrom('null', 'not_null', 'true', 'false', 'unknown'),
    },
    plain,
  ),
)
const negatable = fc
  .tuple(fc.boolean(), leaf)
  .map(([isNegated, of]): Condition => (isNegated ? { kind: 'not', of } : of))
const tree: fc.Arbitrary<Condition> = fc.letrec<{ tree: Condition; group: Condition }>((tie) => ({
  tree: fc.oneof({ maxDepth: 4 }, negatable, tie('group')),
  group: fc
    .tuple(fc.boolean(), fc.constantFrom('and', 'or'), fc.array(tie('tree'), { minLength: 1, maxLength: 3 }))
    .map(([isNegated, kind, of]): Condition => (isNegated ? { kind: 'not', of: { kind, of } } : { kind, of })),
})).group

/** Writes a condition as a client does, every name and value quoted. */
function written(condition: Condition, negation = ''): string {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return `${negation}${condition.kind}(${condition.of.map((part) => written(part)).join(',')})`
    case 'not':
      return written(condition.of, 'not.')
    case 'compare':
      return `${quote(condition.column)}.${negation}${condition.operator}.${quote(condition.value)}`
    case 'in':
      return `${quote(condition.column)}.${negation}in.(${condition.values.map(quote).join(',')})`
    case 'is':
      return `${quote(condition.column)}.${negation}is.${condition.value}`
    default:
      return assert.fail(`${condition.kind} is not written here`)
  }
}

describe('what a client writes is what is asked for', () => {
  test('in trees of conditions, with any names and values', () => {
    fc.assert(
      fc.property(tree, (condition) => {
        const [head = '', ...rest] = written(condition).split('(')
        assert.deepEqual(parse(`${head}=${encodeURIComponent(`(${rest.join('(')}`)}`).where, condition)
      }),
    )
  })

  test('in plain filters, whose value is everything behind the operator', () => {
    fc.assert(
      fc.property(name, text, (column, value) => {
        const where = parse(`${encodeURIComponent(quote(column))}=${encodeURIComponent(`eq.${value}`)}`).where
        assert.deepEqual(where, { kind: 'compare', column, operator: 'eq', value })
      }),
    )
  })

  test('in selected columns, aliases and casts', () => {
    const output: fc.Arbitrary<Output> = fc.record(
      { column: name, as: name, cast: fc.constantFrom('text', 'int4', 'double precision', 'text[]') },
      { requiredKeys: ['column'], noNullPrototype: true },
    )
    fc.assert(
      fc.property(fc.array(output, { minLength: 1, maxLength: 5 }), (outputs) => {
        const select = outputs.map(
          ({ column, as, cast }) =>
            (as === undefined ? '' : `${quote(as)}:`) + quote(column) + (cast === undefined ? '' : `::${cast}`),
        )
        assert.deepEqual(parse(`select=${encodeURIComponent(select.join(','))}`).select, outputs)
      }),
    )
  })

  test('in orders', () => {
    const order: fc.Arbitrary<Order> = fc.record(
      { column: name, direction: fc.constantFrom('asc', 'desc'), nulls: fc.constantFrom('first', 'last') },
      { requiredKeys: ['column'], noNullPrototype: true },
    )
    fc.assert(
      fc.property(fc.array(order, { minLength: 1, maxLength: 5 }), (terms) => {
        const value = terms.map(
          ({ column, direction, nulls }) =>
            quote(column) + (direction ? `.${direction}` : '') + (nulls ? `.nulls${nulls}` : ''),
        )
        assert.deepEqual(parse(`order=${encodeURIComponent(value.join(','))}`).order, terms)
      }),
    )
  })
})

/** Rows that have others of their own kind: `tree` has many `tree`, and one `up`. */
const treeScope: Scope = {
  ...scope,
  name: 'tree',
  catalog: { ...scope.catalog, relations: new Map([['public', new Map([['tree', treeRelation()]])]]) },
  relation: treeRelation(),
}

function treeRelation(): CatalogRelation {
  const column = { type: 'text', oid: 25, isNullable: true, hasDefault: false, isGenerated: false }
  const to = { schema: 'public', name: 'tree' }
  return {
    ...to,
    kind: 'table',
    columns: new Map(['id', 'up'].map((name) => [name, { ...column, name }])),
    primaryKey: ['id'],
    uniqueKeys: [],
    foreignKeys: [],
    relationships: [
      { names: ['k'], to, cardinality: 'one to many', rows: 'many', join: { kind: 'columns', on: [['id', 'up']] } },
      { names: ['k'], to, cardinality: 'many to one', rows: 'one', join: { kind: 'columns', on: [['up', 'id']] } },
    ],
    computed: new Map(),
    handlers: [],
    accepts: { insert: true, update: true, delete: true },
  }
}

function parseTree(pairs: readonly (readonly [string, string])[]): void {
  const query = pairs.map(([one, other]) => `${encodeURIComponent(one)}=${encodeURIComponent(other)}`).join('&')
  parseParameters(parseUrl(`/tree?${query}`).parameters, treeScope, createBudget(defaultLimits))
}

function isFaultOfRequest(error: unknown): boolean {
  return error instanceof Refusal && error.status >= 300 && error.status < 500
}

describe('any text at all', () => {
  test('is read or refused as a fault of the request, never a fault of the hub', () => {
    const word = fc.constantFrom('select', 'order', 'or', 'and', 'not.or', 'limit', 'columns', 'on_conflict', 'id')
    const key = fc.oneof(
      word,
      fc.tuple(fc.constantFrom('up', 'tree', 'up.tree'), word).map(([at, one]) => `${at}.${one}`),
      text,
    )
    const piece = fc.constantFrom(
      'up(id)',
      'tree(',
      '...up(',
      '...tree(id)',
      'up!inner(',
      '!k',
      'id.count()',
      'count()',
      '->>0',
      'id',
      '.',
      ',',
      '(',
      ')',
      '"',
      '\\',
      'not',
      'and',
      'or',
      'eq',
      'in',
      'is',
      '::',
      ':',
      '*',
      '->',
      ' ',
      '!',
      'null',
    )
    const value = fc.oneof(
      fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
      text,
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(key, value), { maxLength: 4 }), (pairs) => {
        try {
          parseTree(pairs)
        } catch (error) {
          assert.ok(isFaultOfRequest(error), String(error))
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test('is read in time in proportion to its length', () => {
    for (const value of [
      '(' + '('.repeat(8_000),
      `(${'"'.repeat(8_000)}`,
      `("${'\\'.repeat(8_000)}`,
      `(a.eq.${'{'.repeat(8_000)}`,
      `(${' '.repeat(8_000)}`,
      `(${'a '.repeat(4_000)}`,
      'tree('.repeat(2_000),
      'a!'.repeat(4_000),
      'a-'.repeat(4_000),
      'id->'.repeat(2_000),
      'up(id),'.repeat(1_000),
      `in.(${'",'.repeat(4_000)}`,
      `eq(any).{${'"'.repeat(8_000)}}`,
    ]) {
      for (const key of ['or', 'select', 'order', 'id']) {
        const startedAt = process.cpuUsage().user
        try {
          parseTree([[key, value]])
        } catch (error) {
          assert.ok(isFaultOfRequest(error), String(error))
        }
        // A generous bound: what grows with the square takes many times as long.
        assert.ok(process.cpuUsage().user - startedAt < 500_000, `${key}=${value.slice(0, 10)}`)
      }
    }
  })
})

describe('the words of the dialect', () => {
  const cases: readonly (readonly [string, Partial<Parameters>])[] = [
    ['select=*', { select: 'all' }],
    ['select=', { select: 'all' }],
    ['columns=a,b,a', { columns: ['a', 'b'] }],
    ['columns=', {}],
    ['select=*,x:a', { select: [{ column: 'a' }, { column: 'b' }, { column: 'a', as: 'x' }] }],
    ['select= a , b ', { select: [{ column: 'a' }, { column: 'b' }] }],
    ['select=x-y::text', { select: [{ column: 'x-y', cast: 'text' }] }],
    ['a=like.*x*', { where: { kind: 'compare', column: 'a', operator: 'like', value: '%x%' } }],
    ['a=in.()', { where: { kind: 'in', column: 'a', values: [] } }],
    ['a=in.(1,"2",3"4)', { where: { kind: 'in', column: 'a', values: ['1', '2', '3"4'] } }],
    ['a=in.("x"y,z)', { where: { kind: 'in', column: 'a', values: ['"x"y', 'z'] } }],
    ['a=is.NULL', { where: { kind: 'is', column: 'a', value: 'null' } }],
    ['a=eq.x+y%2Bz', { where: { kind: 'compare', column: 'a', operator: 'eq', value: 'x y+z' } }],
    ['and=eq.1', {}],
    [
      'or=(and.eq.1,or.eq.2,not.eq.3)',
      {
        where: {
          kind: 'or',
          of: ['and', 'or', 'not'].map((column, i) => ({
            kind: 'compare' as const,
            column,
            operator: 'eq' as const,
            value: String(i + 1),
          })),
        },
      },
    ],
    [
      'or=(a.eq.{1,2},b.eq.3)',
      {
        where: {
          kind: 'or',
          of: [
            { kind: 'compare', column: 'a', operator: 'eq', value: '{1,2}' },
            { kind: 'compare', column: 'b', operator: 'eq', value: '3' },
          ],
        },
      },
    ],
    ['order=a.desc.nullslast,b', { order: [{ column: 'a', direction: 'desc', nulls: 'last' }, { column: 'b' }] }],
  ]
  for (const [query, expected] of cases) {
    test(query, () => {
      if (Object.keys(expected).length === 0) assert.throws(() => parse(query))
      else assert.deepEqual(parse(query), { select: 'all', ...expected })
    })
  }
})
