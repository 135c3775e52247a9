import { invalidOperation } from '../operation/invalid-operation.ts'
import type { Operation, Outputs, Relation } from '../operation/operation.ts'
import { embedsOf, outputsOf } from '../operation/output.ts'
import { type Bind, type Statement, statement } from './parameters.ts'
import { quoteName } from './sql.ts'

/** What one statement shares while it is written. */
export interface Context {
  readonly bind: Bind
  /** A name for rows that no other rows of the statement have: `"r1"`, `"r2"`. */
  readonly alias: () => string
  /** `json` for a body made by PostgreSQL; `text` for values that JavaScript reads as it reads those at the top. */
  readonly nested: 'json' | 'text'
  /** A name for a common table expression, which would hide a table of its name. */
  readonly named: (name: string) => string
  /** Rows of one list at most, whatever limit says. */
  readonly maxRows: number
  /** Whether an upsert counts the rows that were there before. */
  readonly countsUpdated: boolean
}

export type ContextOptions = Pick<Context, 'nested'> & Partial<Pick<Context, 'maxRows' | 'countsUpdated'>>

/**
 * Tables, functions and sub-selects in one statement. PostgreSQL plans each of them, in more than linear time, and a
 * short operation can ask for many: embeds in embeds, and conditions on them at every level.
 */
const maxSources = 100

function tooManySources(): Error {
  return invalidOperation(
    `One statement would read from more than ${maxSources} places: each embed is some, and so is each condition on ` +
      'one.',
    'Embed less, or ask in several requests.',
  )
}

/** Writes the statement of an operation with a context of its own. */
export function writeStatement(
  operation: Operation,
  { nested, maxRows = Infinity, countsUpdated = false }: ContextOptions,
  write: (context: Context) => string,
): Statement {
  const taken = bareNames(operation)
  let aliases = 0
  const alias = (): string => {
    if (++aliases > maxSources) throw tooManySources()
    // A function has its own name as its alias.
    return operation.target.name === `r${aliases}` ? alias() : `"r${aliases}"`
  }
  return statement((bind) =>
    write({
      nested,
      maxRows,
      countsUpdated,
      bind,
      alias,
      named: (name) => quoteName(freeName(name, taken)),
    }),
  )
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  return taken.has(name) ? freeName(`${name}_rows`, taken) : name
}

/** The tables that are named without their schema. */
function bareNames(operation: Operation): ReadonlySet<string> {
  const relations = [operation.target, ...embedded(outputsOf(operation))]
  return new Set(relations.flatMap(({ schema, name }) => (schema === undefined ? [name] : [])))
}

function embedded(columns: Outputs): Relation[] {
  return embedsOf(columns).flatMap(({ embed, join, columns: theirs }) => [
    embed,
    ...(join.kind === 'through' ? [join.relation] : []),
    ...embedded(theirs),
  ])
}

/** Rows that are read, as the parts of a statement see them. */
export interface Source {
  /** What stands in FROM. */
  readonly from: string
  /** Stands before each column: a name alone could be another table's, or no computed column. */
  readonly alias: string
  /** A row as a whole, of the table's row type. */
  readonly row: string
  /** All its columns, in a select list. */
  readonly star: string
}
