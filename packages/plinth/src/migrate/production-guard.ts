import type { Queryable } from '../database/queryable.ts'
import { serverHosts } from '../database/server-hosts.ts'
import { PlinthError } from '../errors.ts'
import { environments, type Environment } from './seed.ts'

export interface GuardOptions {
  /** Of the connection, for the host; without it the host counts as another machine. */
  readonly url: string
  /** What is to be done, for the refusal: `reset it`. */
  readonly action: string
  /** `process.env.NODE_ENV`, where there is one. */
  readonly nodeEnv?: string | undefined
  /** The first yes. */
  readonly force?: boolean
  /** The second: the name of the database. */
  readonly forceProduction?: string | undefined
}

/**
 * Refuses something that destroys rows on a database that looks like one in production, unless it is forced twice. It
 * looks so by any of: a mark in the database (`markEnvironment`), the word prod, production or live in its name, a host
 * that is not this machine, NODE_ENV production. A mark as development or test speaks louder than name and host.
 *
 *     await refuseProduction(db, { url, action: 'empty it', nodeEnv: process.env.NODE_ENV })
 *     await db.query('truncate users')
 *
 * Throws ProductionRefused, which says what was seen and how to go on.
 */
export async function refuseProduction(db: Queryable, options: GuardOptions): Promise<void> {
  const { name } = await db.one<{ name: string }>('select current_database()::text as name')
  const mark = await markedEnvironment(db)
  const signs = signsOf(name, mark, options)
  if (signs.length === 0 || (options.force === true && options.forceProduction === name)) return
  throw new PlinthError('ProductionRefused', `${name} looks like production: ${signs.join(', ')}.`, {
    hint:
      `To ${options.action} all the same: --force --force-production ${name} (force: true, ` +
      `forceProduction: '${name}').${mark === 'production' ? '' : markHint}`,
  })
}

const markHint =
  ' A database for development or test is marked as that once, with the same two: plinth mark development ' +
  '(markEnvironment).'

function signsOf(name: string, mark: Environment | undefined, { url, nodeEnv }: GuardOptions): string[] {
  const isMarkedOther = mark !== undefined && mark !== 'production'
  const hosts = serverHosts(url).map((host) => host ?? 'another machine')
  const away = hosts.filter((host) => !isThisMachine(host))
  return [
    ...(mark === 'production' ? ['it is marked as production'] : []),
    ...(nodeEnv?.toLowerCase() === 'production' ? ['NODE_ENV is production'] : []),
    ...(!isMarkedOther && /(?:^|[^a-z])(?:prod|production|live)(?:[^a-z]|$)/i.test(name) ? ['its name says so'] : []),
    ...(isMarkedOther || away.length === 0 ? [] : [`it is on ${away.join(', ')}`]),
  ]
}

/** By its name, or by a path, which is a socket. */
function isThisMachine(host: string): boolean {
  return /^(?:localhost|127(?:\.\d+){3}|\[?::1\]?|\/.*|%2[fF].*)$/.test(host)
}

/** What the database was marked as; undefined for one that never was. */
export async function markedEnvironment(db: Queryable): Promise<Environment | undefined> {
  const { made } = await db.one<{ made: boolean }>(`select to_regclass('plinth.setting') is not null as made`)
  if (!made) return undefined
  const row = await db.maybeOne<{ value: string }>(`select value from plinth.setting where name = 'environment'`)
  return environments.find((one) => one === row?.value)
}

/**
 * Marks a database, for whatever asks later whether it may be destroyed. It overwrites the mark that is there and asks
 * nobody: call `refuseProduction` before, as `plinth mark` does, unless it becomes `production`.
 *
 *     await installSchema(db)
 *     await markEnvironment(db, 'production')
 *
 * Throws UndefinedObject where Plinth's own tables are missing.
 */
export async function markEnvironment(db: Queryable, environment: Environment): Promise<void> {
  const text = `insert into plinth.setting (name, value) values ('environment', $1)
    on conflict (name) do update set value = excluded.value`
  await db.query(text, [environment])
}
