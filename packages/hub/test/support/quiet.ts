import { keys, type TestHub } from './hub.ts'
import type { Roles } from './sample.ts'

/** Nothing in here reads a setting, so the hub keeps role and path on its connections. */
export function quietTables({ backend, server }: Roles): string {
  return `
    create table notes (id int generated always as identity primary key, body text, writer text default current_user);
    create function who() returns text language sql stable as 'select current_user::text';
    create function path() returns text[] language sql stable as 'select current_schemas(false)::text[]';
    create function write() returns text language sql as 'insert into notes (body) values (''w'') returning writer';
    create function uses() returns bigint language sql volatile security definer as
      'select sum(generic_plans + custom_plans) from pg_prepared_statements where statement like ''%set'' || ''_config%''';
    grant select, insert on notes to ${backend};
    grant select on notes to ${server};`
}

export const callers = (from: TestHub): readonly (readonly [key: string | null, role: string])[] => [
  [keys.backend, from.roles.backend],
  [keys.server, from.roles.server],
  [null, from.roles.anonymous],
]

/** What each function leaves on the session. */
export const loudChanges: ReadonlyMap<string, string> = new Map([
  ['dynamic', "execute format('set %I = %L', 'role', 'none')"],
  ['quoted', 'set "role" to none'],
  ['zone', "set timezone to 'Asia/Tokyo'"],
  ['deadline', 'set statement_timeout = 500'],
  ['path', 'set search_path to pg_catalog'],
  ['encoding', "set client_encoding to 'LATIN1'"],
  ['variable', "perform set_config('app.tenant', 'mine', is_local)"],
])

/** Each function, and a view that calls it. */
export function loudTables({ server }: Roles): string {
  const made = [...loudChanges].map(
    ([name, change]) => `
    create function ${name}() returns text language plpgsql as
      $f$ declare is_local boolean := false; begin ${change}; return 'x'; end $f$;
    create view views_${name} as select ${name}() as x;
    grant select on views_${name} to ${server};`,
  )
  return `
    create function seen() returns json language sql stable as $f$
      select json_build_object('role', current_user, 'word', 'Zürich',
        'all', (select json_object_agg(name, setting) from pg_settings
          where name in ('TimeZone', 'statement_timeout', 'search_path', 'client_encoding')),
        'tenant', nullif(current_setting('app.tenant', true), '')) $f$;
    ${made.join('')}`
}
