import type { CatalogColumn } from 'plinth/operation'

interface Test {
  readonly message: string
  readonly isBroken: (text: string, column: CatalogColumn) => boolean
}

export interface BrokenCheck {
  readonly message: string
  readonly constraint: string
}

/**
 * What a value must be that is certain to break a check constraint of its column; undefined where it breaks none, or
 * nobody can tell. Read are comparisons with a number, the length of a text, a list of texts, and such joined by AND,
 * as PostgreSQL writes them; every other constraint is PostgreSQL's alone.
 */
export function brokenCheck(column: CatalogColumn, text: string): BrokenCheck | undefined {
  return testsOf(column).find(({ isBroken }) => isBroken(text, column))
}

type NamedTest = Test & { readonly constraint: string }

const read = new WeakMap<CatalogColumn, readonly NamedTest[]>()

function testsOf(column: CatalogColumn): readonly NamedTest[] {
  const known = read.get(column)
  if (known !== undefined) return known
  const tests = (column.checks ?? []).flatMap(({ name, definition }) =>
    readCheck(definition, column).map((test) => ({ ...test, constraint: name })),
  )
  read.set(column, tests)
  return tests
}

/** `NOT ENFORCED` behind it, or anything else that is not known, leaves it unread. */
function readCheck(check: string, column: CatalogColumn): Test[] {
  const condition = /^CHECK \((.*)\)(?: NO INHERIT)?(?: NOT VALID)?$/s.exec(check)?.[1]
  return condition === undefined ? [] : readConditions(condition, nameIn(column.name))
}

function nameIn(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}

/** One part of an AND that is broken breaks the whole, whatever the others are. */
function readConditions(condition: string, name: string): Test[] {
  const bare = withoutParentheses(condition)
  const parts = splitByAnd(bare)
  if (parts.length > 1) return parts.flatMap((part) => readConditions(part, name))
  const test = readComparison(bare, name) ?? readList(bare, name)
  return test === undefined ? [] : [test]
}

function withoutParentheses(text: string): string {
  if (!text.startsWith('(') || closing(text) !== text.length - 1) return text
  return withoutParentheses(text.slice(1, -1))
}

/** Where the parenthesis that opens at 0 is closed; -1 where it is not, or a text or name in quotes is in between. */
function closing(text: string): number {
  let depth = 0
  for (const [at, character] of Array.from(text).entries()) {
    if (character === '(') depth++
    if (character === ')' && --depth === 0) return at
  }
  return -1
}

/** Only outside of parentheses and quotes. A `BETWEEN` is written as two comparisons. */
function splitByAnd(text: string): string[] {
  if (text.includes(' OR ') || text.includes('CASE')) return [text]
  const parts: string[] = []
  let [depth, from, isQuoted] = [0, 0, false]
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === "'" || character === '"') isQuoted = !isQuoted
    if (isQuoted) continue
    if (character === '(') depth++
    if (character === ')') depth--
    if (depth > 0 || !text.startsWith(' AND ', at)) continue
    parts.push(text.slice(from, at))
    from = at + ' AND '.length
  }
  return [...parts, text.slice(from)]
}

const operators: Readonly<Record<string, readonly [means: string, holds: (a: number, b: number) => boolean]>> = {
  '>=': ['at least', (a, b) => a >= b],
  '<=': ['at most', (a, b) => a <= b],
  '>': ['more than', (a, b) => a > b],
  '<': ['less than', (a, b) => a < b],
}

function readComparison(text: string, name: string): Test | undefined {
  const [, left = '', operator = '', right = ''] = /^(.*?) (>=|<=|>|<) (.*)$/s.exec(text) ?? []
  const bound = readNumber(right)
  const known = operators[operator]
  if (bound === undefined || known === undefined) return undefined
  const [means, holds] = known
  if (left === name)
    return {
      message: `must be ${means} ${bound}`,
      isBroken: (value, column) => isNumberOutside(value, column, holds, bound),
    }
  const ofLength = [
    `char_length(${name})`,
    `length(${name})`,
    `char_length((${name})::text)`,
    `length((${name})::text)`,
  ]
  if (!ofLength.includes(left)) return undefined
  return {
    message: `must have ${means} ${bound} characters`,
    isBroken: (value, column) => isPlainText(value, column) && !holds(Array.from(value).length, bound),
  }
}

/** `5`, `(5)::numeric`, `'-5'::integer`, `(-5)`: at most 15 digits, which a double holds as they are. */
function readNumber(text: string): number | undefined {
  const digits = /^(?:\((.+)\)::[\w ]+|'(.+)'::[\w ]+|(.+))$/
    .exec(text)
    ?.slice(1)
    .find((one) => one !== undefined)
  const bare = digits?.replace(/^\((.+)\)$/, '$1') ?? ''
  return /^-?\d{1,12}(?:\.\d{1,3})?$/.test(bare) ? Number(bare) : undefined
}

const int2 = 21
const int4 = 23
const int8 = 20
const float8 = 701
const numeric = 1700

/** Whole numbers alone: a fraction may be rounded before it is checked, and what has a negative scale always is. */
function isNumberOutside(
  text: string,
  { oid, type }: CatalogColumn,
  holds: (a: number, b: number) => boolean,
  bound: number,
): boolean {
  const isKnown = [int2, int4, int8, float8].includes(oid) || (oid === numeric && !type.includes(',-'))
  return isKnown && /^-?\d{1,15}$/.test(text) && !holds(Number(text), bound)
}

const text25 = 25
const varchar = 1043

/** Stored as it is sent: of a longer one PostgreSQL cuts spaces off. */
function isPlainText(value: string, { oid, maxLength = Infinity }: CatalogColumn): boolean {
  return (oid === text25 || oid === varchar) && value.length <= maxLength
}

/** `name = ANY (ARRAY['a'::text, 'b'::text])`, as IN is written. */
function readList(text: string, name: string): Test | undefined {
  const lists = [`${name} = ANY (ARRAY[`, `(${name})::text = ANY ((ARRAY[`, `(${name})::text = ANY (ARRAY[`]
  const start = lists.find((one) => text.startsWith(one))
  const [, items = ''] =
    start === undefined ? [] : (/^(.*)\](?:\)::text\[\])?\)$/s.exec(text.slice(start.length)) ?? [])
  const labels = readTexts(items)
  if (labels === undefined) return undefined
  return {
    message: `must be one of ${labels.map((one) => JSON.stringify(one)).join(', ')}`,
    isBroken: (value, column) => isPlainText(value, column) && !labels.includes(value),
  }
}

function readTexts(items: string): string[] | undefined {
  const item = /^'((?:[^'\\]|'')*)'::(?:text|character varying)(?:, |$)/
  const found: string[] = []
  let rest = items
  for (let match = item.exec(rest); match !== null; match = item.exec(rest)) {
    found.push((match[1] ?? '').replaceAll("''", "'"))
    rest = rest.slice(match[0].length)
  }
  return rest === '' && found.length > 0 ? found : undefined
}
