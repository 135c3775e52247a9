import type { BatchOptions, BatchStatement, Database } from 'plinth'

export interface Sent {
  readonly text: string
  readonly values: readonly unknown[]
  readonly settings: Readonly<Record<string, string>>
}

/** A database whose statements are noted on their way to the real one; what is read in transactions, the catalog, is not. */
export function recordStatements(database: Database, note: (sent: Sent) => void): Database {
  return Object.create(database, {
    transaction: { value: database.transaction.bind(database) },
    query: { value: database.query.bind(database) },
    one: { value: database.one.bind(database) },
    batch: {
      value: (statements: readonly BatchStatement[], options: BatchOptions = {}) => {
        const settings = { ...options.laneSettings, ...options.settings }
        for (const { text, values } of statements) note({ text, values, settings })
        return database.batch(statements, options)
      },
    },
  })
}
