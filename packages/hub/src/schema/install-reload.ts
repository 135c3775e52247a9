import type { Database, Transaction } from 'plinth'

/**
 * Commands after which nothing is different that the catalog holds, and which a database may run often. What is made in
 * pg_temp does not count either: the hub does not see it.
 */
const quietCommands = ['REFRESH MATERIALIZED VIEW', 'REINDEX', 'ALTER SYSTEM', 'CREATE STATISTICS']

/** Identical notices of one transaction arrive as one, so a migration is told once. */
const statements = [
  'create schema if not exists plinth',
  `create or replace function plinth.tell_hub_of_ddl() returns event_trigger language plpgsql
    set search_path = pg_catalog as $function$
    declare has_changed boolean;
    begin
      if tg_event = 'sql_drop' then
        has_changed := exists (select from pg_event_trigger_dropped_objects() where not is_temporary);
      else
        has_changed := exists (select from pg_event_trigger_ddl_commands()
          where schema_name is distinct from 'pg_temp'
            and command_tag <> all ('{${quietCommands.join(',')}}'::text[]));
      end if;
      if has_changed then perform pg_notify('plinth', 'reload schema'); end if;
    end $function$`,
  'drop event trigger if exists plinth_ddl',
  'create event trigger plinth_ddl on ddl_command_end execute function plinth.tell_hub_of_ddl()',
  'drop event trigger if exists plinth_drop',
  'create event trigger plinth_drop on sql_drop execute function plinth.tell_hub_of_ddl()',
]

/**
 * Lets the database tell every hub of each change of its schema, by event triggers that NOTIFY; without them a hub
 * learns of new names when they are asked for, and of the rest by `notify plinth, 'reload schema'`. Takes a superuser,
 * as event triggers do: PermissionDenied for others. May be called again. Afterwards a transaction with DDL in it
 * cannot be prepared for two-phase commit, since PostgreSQL keeps no notices for that.
 *
 *     await installReload(db)
 */
export async function installReload(on: Database | Transaction): Promise<void> {
  if ('savepoint' in on) await install(on)
  else await on.transaction(install, { name: 'installReload' })
}

async function install(tx: Transaction): Promise<void> {
  for (const statement of statements) await tx.query(statement)
}
