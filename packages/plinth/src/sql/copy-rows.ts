import { PlinthError } from '../errors.ts'

const rowsInOne = 200

export interface RowStatement {
  /** Lines below the COPY, from 1. */
  readonly first: number
  readonly last: number
  readonly text: string
}

/**
 * The rows of a `COPY … FROM stdin` as INSERT statements, what `pg_dump --inserts` would have written. The text format
 * alone, which is what pg_dump writes: https://www.postgresql.org/docs/18/sql-copy.html, "Text Format".
 */
export function* insertStatements(copy: string, rows: readonly string[]): Generator<RowStatement> {
  const [, target, options] = /^copy\s+([\s\S]+?)\s+from\s+stdin\b([\s\S]*)$/i.exec(copy) ?? []
  if (target === undefined || options?.trim() !== '') {
    throw new PlinthError('InvalidStatement', 'COPY with options cannot be loaded', {
      hint: 'Make the file with pg_dump --inserts.',
    })
  }
  for (let first = 0; first < rows.length; first += rowsInOne) {
    const part = rows.slice(first, first + rowsInOne)
    // COPY fills identity columns that are always generated; INSERT must be told to.
    const text = `insert into ${target} overriding system value values ${part.map(valuesOf).join(', ')}`
    yield { first: first + 1, last: first + part.length, text }
  }
}

function valuesOf(row: string): string {
  return `(${row.split('\t').map(literal).join(', ')})`
}

function literal(field: string): string {
  if (field === '\\N') return 'null'
  const value = field.includes('\\') ? field.replaceAll(/\\([0-7]{1,3}|x[0-9a-f]{1,2}|[\s\S])/gi, unescape) : field
  // E'…' means the same whatever standard_conforming_strings says.
  const quoted = value.replaceAll("'", "''")
  return quoted.includes('\\') ? `E'${quoted.replaceAll('\\', '\\\\')}'` : `'${quoted}'`
}

const named: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

function unescape(_whole: string, mark: string): string {
  if (/^[0-7]+$/.test(mark)) return String.fromCharCode(Number.parseInt(mark, 8))
  if (/^x./i.test(mark)) return String.fromCharCode(Number.parseInt(mark.slice(1), 16))
  return named[mark] ?? mark
}
