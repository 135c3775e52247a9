import { Pool } from 'pg'
import { toPlinthError } from '../../src/driver/sqlstate.ts'
import { type Answer, runOperation } from '../../src/operation/answer.ts'
import type { Operation, Typed } from '../../src/operation/operation.ts'
import { compile } from '../../src/sql/compile.ts'

/** The smallest runner: pg alone, no transactions, no pipeline. What it gets is what the compiler and the decoders make. */
export interface PgRunner {
  readonly client: Pool
  execute(operation: Operation): Promise<Answer>
  run<R>(operation: Typed<R>): Promise<R>
  close(): Promise<void>
}

export function pgRunner(url: string, connections = 1): PgRunner {
  const client = new Pool({ connectionString: url, max: connections })
  const execute = (operation: Operation): Promise<Answer> => answer(client, compile(operation))
  return {
    client,
    execute,
    run: async <R>(operation: Typed<R>): Promise<R> => (await runOperation(operation, execute)) as R,
    close: () => client.end(),
  }
}

const types = { getTypeParser: () => (text: string) => text }

/** Rows as PostgreSQL's text. */
export async function answer(
  client: Pool,
  { text, values }: { readonly text: string; readonly values: readonly (string | null)[] },
): Promise<Answer> {
  try {
    const result = await client.query<(string | null)[]>({ text, values: [...values], rowMode: 'array', types })
    const columns = result.fields.map(({ name, dataTypeID }) => ({ name, oid: dataTypeID }))
    return { columns, rows: result.rows, rowCount: result.rowCount ?? 0 }
  } catch (error) {
    throw toPlinthError({ error, answered: true }, { phase: 'statement', statement: text, outcomeWhenLost: 'unknown' })
  }
}
