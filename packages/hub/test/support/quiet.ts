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
