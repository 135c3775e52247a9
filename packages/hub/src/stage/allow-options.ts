import { PlinthError } from 'plinth'

/** What PostgreSQL calls it in `grant`. */
export type TableOperation = 'select' | 'insert' | 'update' | 'delete'

export interface AllowedTable {
  readonly operations: readonly TableOperation[]
  /** Absent: every column. Others are as if they were not there, also in what a write gives back. */
  readonly columns?: readonly string[]
}

/** All that a service may name; everything else is as if not there. It adds nothing to the role's grants. */
export interface AllowOptions {
  /** Tables and views, as `users` or `stock.parts`. A list stands for operations on every column. Default: none. */
  readonly tables?: Readonly<Record<string, readonly TableOperation[] | AllowedTable>>
  /** Functions, those that are read like columns among them. Default: none. */
  readonly functions?: readonly string[]
}

export function columnsOf(table: readonly TableOperation[] | AllowedTable): readonly string[] | undefined {
  return 'operations' in table ? table.columns : undefined
}

export function operationsOf(table: readonly TableOperation[] | AllowedTable): readonly TableOperation[] {
  return 'operations' in table ? table.operations : table
}

const operations: readonly string[] = ['select', 'insert', 'update', 'delete'] satisfies TableOperation[]

/** Throws InvalidOption for an operation that is none, and for a list of columns that holds none. */
export function checkAllowOptions({ tables = {} }: AllowOptions, path: string): void {
  for (const [name, table] of Object.entries(tables)) {
    const wrong = operationsOf(table).find((one) => !operations.includes(one))
    if (wrong !== undefined)
      throw new PlinthError(
        'InvalidOption',
        `${path}.tables.${name} allows ${wrong}; it must be one of ${operations.join(', ')}.`,
      )
    if (columnsOf(table)?.length === 0)
      throw new PlinthError('InvalidOption', `${path}.tables.${name}.columns is empty; leave it away for all of them.`)
  }
}
