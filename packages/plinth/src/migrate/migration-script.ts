import { schemaScript } from '../database/install-schema.ts'
import { PlinthError } from '../errors.ts'
import { type Piece, readScript } from '../sql/script.ts'
import { invalid } from './migration-folder.ts'
import { readFolder } from './runner.ts'
import { advisoryLock } from './migration-lock.ts'
import type { Migration } from './migration.ts'
import { fileOf, type PreparedStep, prepareStep } from './prepared-step.ts'
import { begins } from './run-script.ts'

export interface ScriptOptions {
  readonly folder: string | URL
  /** Number of the last migration that the database has. Default 0: it has none. */
  readonly after?: number
  /** Number of the last one to run. Default: all. */
  readonly to?: number
}

/**
 * The SQL of a run for psql, for databases that only a person may change: the same lock, transactions and records, and
 * it stops where something fails. It refuses a database that is not where `after` says. Connects to nothing.
 *
 *     await writeFile('deploy.sql', await migrationScript({ folder: 'migrations', after: 7 }))
 *
 * Throws InvalidMigration for a module, which has no SQL, and for a folder that is not there.
 */
export async function migrationScript({ folder, after = 0, to }: ScriptOptions): Promise<string> {
  const migrations = await readFolder(folder)
  const chosen = migrations.filter(({ number }) => number > after && number <= (to ?? number))
  const [first] = chosen
  if (!first) throw new PlinthError('InvalidOption', `No migration is behind ${after}${to ? ` and up to ${to}` : ''}.`)
  const parts = [opening(first, after)]
  for (const migration of chosen) parts.push(await scriptOf(migration))
  return parts.join('\n')
}

function opening({ id }: Migration, after: number): string {
  return `-- For psql. Begins with ${id}, on a database that has the migrations up to number ${after}.
\\set ON_ERROR_STOP on
do $plinth$ begin
  if not pg_try_advisory_lock(${advisoryLock}) then raise exception 'Another process migrates this database.'; end if;
end $plinth$;
${schemaScript()}
do $plinth$ declare stopped record; begin
  if (select coalesce(max(number), 0) from plinth.migration) <> ${after} then
    raise exception 'This script is for a database at migration ${after}, and this one is at %.',
      (select coalesce(max(number), 0) from plinth.migration);
  end if;
  for stopped in select number, state from plinth.migration where state <> 'applied' order by number loop
    raise exception 'Migration % is %, not applied: see plinth migrate status.', stopped.number, stopped.state;
  end loop;
end $plinth$;
`
}

async function scriptOf(migration: Migration): Promise<string> {
  const step = await prepareStep(migration, 'up')
  if (step.kind === 'alone') return aloneScript(migration, step)
  if (migration.up.kind === 'code')
    throw invalid(`${fileOf(migration, migration.up)} is no SQL.`, 'Run it with plinth migrate run, or rewrite it.')
  return `-- ${migration.id}
begin;
set local lock_timeout = '5s';
${recordScript(migration, `'applied', null`)}
${historyScript(migration)}
${[...readScript(migration.up.text)].map(pieceScript).join('')}commit;
${freshScript}`
}

/** Its own BEGIN and COMMIT are left out, as in a run. */
function pieceScript(piece: Piece): string {
  if (piece.kind === 'copy') return [`${piece.text};`, ...piece.rows, '\\.', ''].join('\n')
  return begins.test(piece.text) ? '' : `${piece.text}\n;\n`
}

/** Each statement by itself. The record says where it stopped if it does. */
function aloneScript(migration: Migration, { statements }: PreparedStep & { kind: 'alone' }): string {
  const { id, number } = migration
  const lines = statements.map(({ text }, before) => {
    const at = `update plinth.migration set statement = ${before + 1} where number = ${number};\n`
    return `${before > 0 ? at : ''}${text}\n;`
  })
  return `-- ${id}
${recordScript(migration, `'running', 1`)}
${lines.join('\n')}
begin;
update plinth.migration set state = 'applied', statement = null where number = ${number};
${historyScript(migration)}
commit;
${freshScript}`
}

const freshScript = 'reset session authorization;\nreset all;\ndiscard temp;\n'

function recordScript({ number, id, checksum }: Migration, state: string): string {
  return (
    'insert into plinth.migration (number, name, checksum, state, statement) ' +
    `values (${number}, '${id}', '${checksum}', ${state});`
  )
}

function historyScript({ number, id }: Migration): string {
  return `insert into plinth.migration_history (number, name, change) values (${number}, '${id}', 'run');`
}
