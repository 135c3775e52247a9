import { type Database, PlinthError } from 'plinth'

/**
 * A superuser passes every grant and policy, so a hub that others can reach must not act as one: neither by the
 * database URL nor by a configured role; nor, where a token may name any role, by one the URL's role is a member of.
 * On this machine alone it is allowed, for a first try, and not looked for.
 */
export async function refuseSuperuser(
  database: Database,
  host: string,
  roles: readonly string[],
  takesAnyRole: boolean,
): Promise<void> {
  const { rows } = await database.query<{ name: string }>(
    `select rolname::text as name from pg_catalog.pg_roles
     where rolsuper and (rolname = session_user or rolname = any($1::text[])
       or ($2::boolean and pg_catalog.pg_has_role(session_user, oid, 'member')))`,
    [roles, takesAnyRole],
  )
  const [found] = rows
  if (found !== undefined)
    throw new PlinthError(
      'InvalidOption',
      `The role ${found.name} is a superuser, and ${host} can be reached by others.`,
      {
        hint: 'Give the hub a role without superuser, listen on 127.0.0.1, or set allowSuperuser where it must be.',
      },
    )
}
