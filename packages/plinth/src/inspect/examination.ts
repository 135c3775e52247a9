import { installedVersion } from '../database/install-schema.ts'
import { versions } from '../database/plinth-schema.ts'
import type { Queryable } from '../database/queryable.ts'
import { type ErrorCode, isPlinthError } from '../errors.ts'
import { sequencesBehind } from './sequences.ts'

/** One thing that was looked at. `note`: worth knowing. `warn`: change it. `fail`: it is broken or about to be. */
export interface Finding {
  readonly name: string
  readonly status: 'ok' | 'note' | 'warn' | 'fail'
  readonly found: string
  /** What to do; absent when nothing is to be done. */
  readonly advice?: string
}

interface Facts {
  readonly version: string
  readonly version_num: number
  readonly role: string
  readonly is_superuser: boolean
  readonly is_local: boolean
  readonly tls: string | null
  readonly max_connections: number
  readonly reserved: number
  readonly connections: number
  readonly settings: Readonly<Record<string, string>>
  readonly xid_age: number
  readonly longest_ms: number
  readonly longest_pid: number | null
  readonly prepared: number
  readonly invalid_indexes: readonly string[]
  readonly without_key: readonly string[]
}

/** Of the settings, those that no connection sets for itself. */
const factsText = `select current_setting('server_version') as version,
  current_setting('server_version_num')::int as version_num, current_user::text as role,
  (select rolsuper from pg_roles where rolname = current_user) as is_superuser,
  coalesce(inet_server_addr() <<= '127.0.0.0/8' or inet_server_addr() = '::1', true) as is_local,
  (select version from pg_stat_ssl where pid = pg_backend_pid() and ssl) as tls,
  current_setting('max_connections')::int as max_connections,
  current_setting('superuser_reserved_connections')::int as reserved,
  (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as connections,
  (select json_object_agg(name, setting) from pg_settings
    where name in ('fsync', 'full_page_writes', 'autovacuum', 'wal_level', 'track_counts')) as settings,
  (select age(datfrozenxid) from pg_database where datname = current_database()) as xid_age,
  coalesce(longest.ms, 0)::float8 as longest_ms, longest.pid as longest_pid,
  (select count(*)::int from pg_prepared_xacts where prepared < now() - interval '1 hour') as prepared,
  array(select indexrelid::regclass::text from pg_index where not indisvalid order by 1) as invalid_indexes,
  array(select c.oid::regclass::text from pg_class as c join pg_namespace as n on n.oid = relnamespace
    where relkind in ('r', 'p') and not relispartition and nspname !~ '^pg_'
      and nspname not in ('information_schema', 'plinth')
      and not exists (select from pg_index where indrelid = c.oid and indisprimary) order by 1) as without_key
from (select 1) as one left join lateral (
  select pid, extract(epoch from clock_timestamp() - xact_start) * 1000 as ms from pg_stat_activity
    where datname = current_database() and backend_type = 'client backend' and xact_start is not null
      and pid <> pg_backend_pid() order by xact_start limit 1) as longest on true`

export interface ExamineOptions {
  /** Connections that all processes of the service open together at most. Default: not compared. */
  readonly poolMax?: number
}

/**
 * Looks at what makes databases fail. Of tables it reads no more than the highest value of columns with a sequence.
 * Throws what its statements throw.
 *
 *     const wrong = (await examine(db)).filter(({ status }) => status === 'warn' || status === 'fail')
 */
export async function examine(db: Queryable, options: ExamineOptions = {}): Promise<readonly Finding[]> {
  const facts = await db.one<Facts>(factsText)
  return [
    server(facts),
    tls(facts),
    role(facts),
    connections(facts, options.poolMax),
    durability(facts),
    vacuum(facts),
    transactions(facts),
    indexes(facts),
    keys(facts),
    await sequences(db),
    await ownTables(db),
  ]
}

const oldestSupported = 140_000

function server({ version, version_num }: Facts): Finding {
  const found = `PostgreSQL ${version.split(' ')[0] ?? version}`
  if (version_num >= oldestSupported) return { name: 'server', status: 'ok', found }
  return { name: 'server', status: 'warn', found, advice: 'Its version gets no corrections any more: upgrade.' }
}

function tls({ tls: version, is_local }: Facts): Finding {
  const name = 'TLS'
  if (version !== null) return { name, status: 'ok', found: version }
  if (is_local) return { name, status: 'ok', found: 'none, on this machine' }
  return { name, status: 'warn', found: 'none', advice: 'Passwords and rows travel in clear: add sslmode=verify-full.' }
}

function role({ role: name, is_superuser }: Facts): Finding {
  if (!is_superuser) return { name: 'role', status: 'ok', found: name }
  const advice = 'No permission holds it back: let services connect as roles of their own.'
  return { name: 'role', status: 'note', found: `${name}, a superuser`, advice }
}

function connections({ max_connections, reserved, connections: used }: Facts, poolMax: number | undefined): Finding {
  const name = 'connections'
  const free = max_connections - reserved
  const found = `${used} of ${free}${poolMax === undefined ? '' : `, pool.max ${poolMax}`}`
  if (poolMax !== undefined && poolMax > free)
    return { name, status: 'warn', found, advice: 'Make pool.max smaller, or max_connections larger.' }
  if (used < free * 0.8) return { name, status: 'ok', found }
  return { name, status: 'warn', found, advice: 'New ones will be refused soon: smaller pools, or a pooler.' }
}

function durability({ settings }: Facts): Finding {
  const name = 'durability'
  const off = ['fsync', 'full_page_writes'].filter((setting) => settings[setting] === 'off')
  if (off.length === 0)
    return { name, status: 'ok', found: `fsync on, wal_level ${settings['wal_level'] ?? 'unknown'}` }
  const advice = 'A crash of the machine can destroy the database: for tests alone.'
  return { name, status: 'warn', found: `${off.join(' and ')} off`, advice }
}

/** Half of the 2^31 transactions after which PostgreSQL refuses writes. */
const worryingAge = 1_000_000_000

function vacuum({ settings, xid_age }: Facts): Finding {
  const name = 'vacuum'
  const found = `autovacuum ${settings['autovacuum'] ?? 'unknown'}, oldest row ${xid_age} transactions old`
  if (xid_age > worryingAge)
    return { name, status: 'fail', found, advice: 'At 2,100,000,000 writes stop: find what holds vacuum back.' }
  if (settings['autovacuum'] === 'on' && settings['track_counts'] === 'on') return { name, status: 'ok', found }
  return { name, status: 'warn', found, advice: 'Tables grow and plans go wrong: turn autovacuum and track_counts on.' }
}

const longMs = 300_000

function transactions({ longest_ms, longest_pid, prepared }: Facts): Finding {
  const name = 'transactions'
  if (prepared > 0) {
    const advice = 'They hold locks and vacuum back: commit or roll back what is in pg_prepared_xacts.'
    return { name, status: 'warn', found: `${prepared} prepared an hour ago or longer`, advice }
  }
  const found = longest_pid === null ? 'none open' : `longest open for ${Math.round(longest_ms / 1000)} s`
  if (longest_ms < longMs) return { name, status: 'ok', found }
  const limit = 'idle_in_transaction_session_timeout'
  const advice = `It holds its locks and vacuum back: see plinth queries; ${limit} ends such.`
  return { name, status: 'warn', found: `${found}, pid ${longest_pid}`, advice }
}

function indexes({ invalid_indexes: invalid }: Facts): Finding {
  const name = 'indexes'
  if (invalid.length === 0) return { name, status: 'ok', found: 'all valid' }
  const advice = 'They cost writes and serve no read: drop index concurrently, then create them anew.'
  return { name, status: 'fail', found: `invalid: ${some(invalid)}`, advice }
}

function keys({ without_key: tables }: Facts): Finding {
  const name = 'primary keys'
  if (tables.length === 0) return { name, status: 'ok', found: 'every table has one' }
  const advice = 'Their rows cannot be told apart, nor replicated when they change: add one.'
  return { name, status: 'note', found: `none: ${some(tables)}`, advice }
}

const unasked: { readonly [code in ErrorCode]?: string } = {
  PermissionDenied: 'This role may not read every table: ask as their owner.',
  LockTimeout: 'A table is locked: see plinth locks.',
  StatementTimeout: 'A column without an index takes longer to read than a statement may.',
}

async function sequences(db: Queryable): Promise<Finding> {
  const name = 'sequences'
  try {
    const behind = (await sequencesBehind(db)).filter(({ kept }) => kept !== 'cycle')
    if (behind.length === 0) return { name, status: 'ok', found: 'none behind its column' }
    const found = `behind: ${some(behind.map(({ sequence }) => sequence))}`
    return { name, status: 'fail', found, advice: 'The next insert fails with a duplicate key: plinth fix-sequences.' }
  } catch (error) {
    // A table that is locked, as in the hour when one asks a doctor, must not cost the other answers.
    const why = isPlinthError(error) ? unasked[error.code] : undefined
    if (why === undefined) throw error
    return { name, status: 'note', found: 'not looked at', advice: why }
  }
}

async function ownTables(db: Queryable): Promise<Finding> {
  const name = 'schema plinth'
  const installed = await installedVersion(db)
  const found = `version ${installed} of ${versions.length}`
  if (installed === 0) return { name, status: 'ok', found: 'not installed, which tasks and idempotency keys need' }
  if (installed === versions.length) return { name, status: 'ok', found }
  if (installed < versions.length)
    return { name, status: 'warn', found, advice: 'Call installSchema(db), as migrations do.' }
  return { name, status: 'note', found, advice: 'A newer Plinth works on it: upgrade this one too.' }
}

const shown = 5

function some(names: readonly string[]): string {
  const rest = names.length - shown
  return rest > 0 ? `${names.slice(0, shown).join(', ')} and ${rest} more` : names.join(', ')
}
