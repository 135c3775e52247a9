import type { Connection } from '../driver/connection.ts'
import { poolerHint } from '../driver/sqlstate.ts'
import { PlinthError } from '../errors.ts'
import { observe } from '../observe/observation.ts'
import { isFailure } from './held.ts'
import type { IsolationLevel } from './queryable.ts'

const limitMs = 2000

/**
 * Who is behind the connection, and how many it lets in. A limit of a role or database is -1 where there is none, and
 * `reserved_connections` came with PostgreSQL 16.
 */
const question = {
  text: `select current_setting('default_transaction_isolation'), pg_backend_pid(),
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
      - coalesce(current_setting('reserved_connections', true)::int, 0),
    (select rolconnlimit from pg_roles where rolname = session_user),
    (select datconnlimit from pg_database where datname = current_database())`,
  values: [],
}

/** What holds where nothing is said, as the server last told. */
export interface ServerDefaults {
  /** Of a transaction; undefined for read committed, before the first connection, and behind a pooler. */
  isolation?: IsolationLevel
}

/**
 * Asked on the first connection, and again on the first one after an outage: one round trip before anybody uses it.
 * Throws ConnectionFailed where a pooler was not told of, for its clients could run each other's prepared statements.
 * Warns where the pool may grow beyond what the server lets in.
 */
export async function askFirst(connection: Connection, poolMax: number, defaults: ServerDefaults = {}): Promise<void> {
  if (connection.pooler) return
  try {
    const [answer] = await connection.run([question], limitMs)
    const [isolation, ...numbers] = answer?.rows[0] ?? []
    const [processId, ...limits] = numbers.map(Number)
    if (processId !== connection.processId) throw hiddenPooler()
    if (isolation === 'repeatable read' || isolation === 'serializable') defaults.isolation = isolation
    else delete defaults.isolation
    warn(connection, poolMax, limits)
  } catch (cause) {
    connection.destroy(cause)
    if (!isFailure(cause)) throw cause
    throw new PlinthError('ConnectionFailed', 'PostgreSQL let a connection in and did not answer its first question.', {
      phase: 'connect',
      retryable: true,
      cause: cause.error,
    })
  }
}

function warn({ identity }: Connection, poolMax: number, [server = 0, role = -1, database = -1]: number[]): void {
  const limits = [
    { by: 'max_connections', limit: server },
    { by: 'the connection limit of the role', limit: role },
    { by: 'the connection limit of the database', limit: database },
  ] as const
  const least = limits.filter(({ limit }) => limit >= 0).reduce((a, b) => (b.limit < a.limit ? b : a))
  if (least.limit < poolMax) observe({ kind: 'pool.oversized', database: identity, max: poolMax, ...least })
}

function hiddenPooler(): PlinthError {
  return new PlinthError('ConnectionFailed', 'A pooler stands before PostgreSQL, and this database was not told so.', {
    phase: 'connect',
    hint: poolerHint,
  })
}
