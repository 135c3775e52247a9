import type { Queryable } from '../database/queryable.ts'

/** What the code inside a database does with settings of its session, as far as its text says. */
export interface SettingsUse {
  /** Something reads `request.…`, or might. */
  readonly readsRequest: boolean
  /** Something sets `response.…`, or might. */
  readonly setsResponse: boolean
  /** Something leaves a setting on the session, perhaps its role, or might. */
  readonly changesSession: boolean
  /** What `alter role … set` says, of the roles that the login may take; of that, what it may set itself. */
  readonly roles: ReadonlyMap<string, Readonly<Record<string, string>>>
}

/** Oids below are PostgreSQL's own. */
const firstOwnOid = 16_384

/** Oids of `current_setting` with one and two arguments, and of `set_config`, as a parsed expression holds them. */
const settingCalls = ':funcid (2077|3294|2078) '

/**
 * Calls with a plain name of neither kind are cut out of a source; what is left of the words is a name nobody can
 * tell. The end of the literal must be the end of the argument.
 */
const harmless = String.raw`(current_setting|set_config)\s*\(\s*'(?!req|res|role|session)[^']*'\s*(?=[,)])`

/**
 * What is cut out before a change of the session is looked for: a plain setting for this transaction, and the SET of an
 * UPDATE, which is on one line, for a comment may look like the beginning of one.
 */
const local: string = [
  String.raw`set_config\s*\(\s*'(?!req|res|role|session)[^']*'\s*,\s*('[^']*'|[\w.]+)\s*,\s*true\s*\)`,
  String.raw`\mupdate[ \t]+(?!then\M|else\M|loop\M|begin\M)[\w."]+[ \t]+set\M`,
  String.raw`\mdo[ \t]+update[ \t]+set\M`,
].join('|')

const useText = String.raw`
with source as (
  select regexp_replace(p.prosrc, $1, '', 'gi') as left_over, p.prosrc as whole,
    coalesce(p.prosqlbody::text, '') as tree
  from pg_catalog.pg_proc p
  join pg_catalog.pg_language l on l.oid = p.prolang
  where p.oid >= ${firstOwnOid} and l.lanname not in ('c', 'internal')
), unreadable as (
  select from pg_catalog.pg_proc p
  join pg_catalog.pg_language l on l.oid = p.prolang
  where p.oid >= ${firstOwnOid} and l.lanname not in ('sql', 'plpgsql')
    and not exists (select from pg_catalog.pg_depend d
      where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
), tree as (
  select tree from source where tree <> ''
  union all select ev_action::text || ev_qual::text from pg_catalog.pg_rewrite where ev_class >= ${firstOwnOid}
  union all select concat(polqual::text, polwithcheck::text) from pg_catalog.pg_policy
  union all select adbin::text from pg_catalog.pg_attrdef where adrelid >= ${firstOwnOid}
  union all select conbin::text from pg_catalog.pg_constraint where conbin is not null and oid >= ${firstOwnOid}
  union all select tgqual::text from pg_catalog.pg_trigger where tgqual is not null
  union all select concat(indexprs::text, indpred::text) from pg_catalog.pg_index where indrelid >= ${firstOwnOid}
), in_trees as (
  select coalesce(bool_or(tree ~ '${settingCalls}'), false) as found from tree
)
select
  found or exists (select from source where left_over ~* 'current_setting|pg_settings|\mshow\M|\mrequest\.') as reads,
  exists (select from source where left_over ~* 'set_config|response') as answers,
  found or exists (select from unreadable) or exists (select from source
    where regexp_replace(whole, $2, '', 'gi') ~* 'set_config|\mexecute\M|\mreset\M|\mset\M(?!''|\s+local\M)') as changes
from in_trees`

const rolesText = (mayGrant: boolean): string => `
select r.rolname as role, jsonb_object_agg(s.name, s.value) as settings
from pg_catalog.pg_roles r
cross join lateral unnest(r.rolconfig) c(setting)
cross join lateral (
  select split_part(c.setting, '=', 1) as name, substr(c.setting, strpos(c.setting, '=') + 1) as value) s
left join pg_catalog.pg_settings known on known.name = s.name
where pg_has_role(session_user, r.oid, 'member') and r.rolname <> session_user and (
  known.context = 'user' or (known.name is null and s.name like '%.%')
  ${mayGrant ? "or (known.context = 'superuser' and has_parameter_privilege(session_user, s.name, 'set'))" : ''})
group by r.rolname`

/** PostgreSQL 15 lets a superuser grant the right to a setting. */
const grantsSettings = 150_000

/**
 * Looks at every function, view, policy, default, trigger and constraint of the database: about 20 ms for a thousand.
 */
export async function loadSettingsUse(from: Queryable): Promise<SettingsUse> {
  const version = Number((await from.one<{ server_version_num: string }>('show server_version_num')).server_version_num)
  const [use, roles] = await Promise.all([
    from.one<{ reads: boolean; answers: boolean; changes: boolean }>(useText, [harmless, local]),
    from.query<{ role: string; settings: Record<string, string> }>(rolesText(version >= grantsSettings)),
  ])
  return {
    readsRequest: use.reads,
    setsResponse: use.answers,
    changesSession: use.changes,
    roles: new Map(roles.rows.map(({ role, settings }) => [role, settings])),
  }
}
