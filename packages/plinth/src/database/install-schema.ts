import { PlinthError } from '../errors.ts'
import { pause } from './backoff.ts'
import { wholeNumber } from './options.ts'
import { versions } from './plinth-schema.ts'
import type { Database, Queryable, Transaction } from './queryable.ts'

/** "plinth" in ASCII. */
const lockKey = '123597848179816'

const pollMs = 50

/**
 * Makes or upgrades Plinth's own tables, in the schema `plinth`. Any number of services may call it at each start: one
 * installs, the others wait, and where nothing is to be done it takes two round trips. A migration gives its own
 * transaction, read committed. Throws LockTimeout when another installation goes on for `deadlineMs`, default 30,000,
 * and PermissionDenied without the right to create a schema. Tables of a newer Plinth are left as they are.
 *
 *     await installSchema(db)
 */
export async function installSchema(
  on: Database | Transaction,
  options: { readonly deadlineMs?: number } = {},
): Promise<void> {
  const deadline = performance.now() + wholeNumber('deadlineMs', options.deadlineMs ?? 30_000, 1)
  if (await isSchemaInstalled(on)) return
  const install = (): Promise<boolean> =>
    'savepoint' in on ? tryInstall(on) : on.transaction(tryInstall, { name: 'installSchema' })
  // Polled, each time in a transaction of its own: who waits in the lock itself holds a connection and a snapshot.
  while (!(await install())) {
    if (performance.now() > deadline) throw stillInstalling()
    await pause(pollMs)
  }
}

/** False while somebody else installs. */
async function tryInstall(tx: Transaction): Promise<boolean> {
  const { locked } = await tx.one<{ locked: boolean }>('select pg_try_advisory_xact_lock($1) as locked', [lockKey])
  if (!locked) return false
  const installed = await installedVersion(tx)
  if (installed >= versions.length) return true
  await tx.query('create schema if not exists plinth')
  await tx.query(versionTable)
  for (const [at, statements] of versions.entries()) {
    if (at < installed) continue
    for (const statement of statements) await tx.query(statement)
    await tx.query('insert into plinth.schema_version values ($1, now())', [at + 1])
  }
  return true
}

const versionTable =
  'create table if not exists plinth.schema_version (version int primary key, installed_at timestamptz not null)'

/** The same as a text for psql, whatever version is installed. */
export function schemaScript(): string {
  const steps = versions.map((statements, at) => {
    const install = [...statements, `insert into plinth.schema_version values (${at + 1}, now())`].join(';\n')
    return `if not exists (select from plinth.schema_version where version >= ${at + 1}) then\n${install};\nend if;\n`
  })
  return `do $plinth$ begin\ncreate schema if not exists plinth;\n${versionTable};\n${steps.join('')}end $plinth$;`
}

/** True where Plinth's own tables are of this version, or of a newer one. */
export async function isSchemaInstalled(on: Queryable): Promise<boolean> {
  return (await installedVersion(on)) >= versions.length
}

/** 0 where it was never installed. */
export async function installedVersion(on: Queryable): Promise<number> {
  const { made } = await on.one<{ made: boolean }>(`select to_regclass('plinth.schema_version') is not null as made`)
  if (!made) return 0
  const { version } = await on.one<{ version: number }>(
    'select coalesce(max(version), 0) as version from plinth.schema_version',
  )
  return version
}

function stillInstalling(): PlinthError {
  return new PlinthError('LockTimeout', 'Another installation of the schema "plinth" has not ended in time.', {
    retryable: true,
    hint:
      'Who holds it: ' +
      `select pid from pg_locks where locktype = 'advisory' and objid = ${BigInt(lockKey) & 0xffffffffn}`,
  })
}
