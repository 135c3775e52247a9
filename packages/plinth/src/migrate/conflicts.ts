import { type ErrorCode, PlinthError } from '../errors.ts'
import type { Compared, MigrationState } from './comparison.ts'
import { fileOf } from './prepared-step.ts'

/** Where folder and database must agree before anything is run; the one that says most comes first. */
const refused: readonly MigrationState[] = ['broken', 'running', 'changed', 'missing', 'skipped', 'newer']

/**
 * Throws MigrationBroken or MigrationConflict for the first one that needs somebody. Under the lock: else one that
 * `running` says of may just be running.
 */
export function refuseConflicts(compared: readonly Compared[], allowed: readonly MigrationState[] = []): void {
  for (const state of refused.filter((one) => !allowed.includes(one))) {
    const found = compared.find((one) => one.state === state)
    if (found) throw conflict(found, compared)
  }
}

function conflict(one: Compared, compared: readonly Compared[]): PlinthError {
  const { state, id, migration, record } = one
  const when = record?.appliedAt.toISOString() ?? ''
  if (state === 'broken' || state === 'running') return broken(one)
  if (state === 'changed')
    return error(
      `${migration && fileOf(migration, migration.up)} was changed after this database ran it on ${when}.`,
      'Put it back as it was and write the change as a new migration. If it means nothing to the database, as in a ' +
        `comment, take the file as it is now: plinth migrate resolve ${one.number} --applied`,
    )
  if (state === 'newer')
    return error(
      `The database has ${id}, run on ${when}, which is newer than this folder.`,
      'Deploy the release that has it. A service of an older release may start all the same with allowNewer ' +
        '(--allow-newer).',
    )
  if (state === 'missing') return missing(one, compared)
  return error(
    `${id} was never run here, although ${compared.findLast((each) => each.record)?.id} was.`,
    'Give it the number behind the last one, so that every database runs the migrations in the same order.',
  )
}

function missing({ id, number, record }: Compared, compared: readonly Compared[]): PlinthError {
  const when = record?.appliedAt.toISOString()
  const squash = compared.find((each) => each.migration?.replaces.some((replaced) => replaced.id === id))
  if (squash) {
    return error(
      `The database has ${id}, but not all of what ${squash.id} stands for.`,
      `Run the migrations of the release before the squash up to ${squash.migration?.replaces.at(-1)?.id} first.`,
    )
  }
  const other = compared.find((each) => each.number === number && each.id !== id)
  return error(
    `The database has ${id}, run on ${when}, which the folder does not have${other ? `: it has ${other.id}` : ''}.`,
    other
      ? `They come from two branches. Revert ${id} from its branch, or give ${other.id} another number. If it was ` +
          `only renamed: plinth migrate resolve ${number} --applied`
      : `Bring its folder back. If this database is to forget it: plinth migrate resolve ${number} --reverted`,
  )
}

function broken({ id, number, record }: Compared): PlinthError {
  const file = `${record?.direction ?? 'up'}.sql`
  const why = record?.error ? `failed: ${record.error}` : 'was running when its process ended.'
  return error(
    `${id} stopped half way: statement ${record?.statement} of its ${file} ${why}`,
    'Nothing undoes it, for the file says no-transaction. Look at what it left, such as an invalid index, and finish ' +
      `or undo it by hand. Then say which: plinth migrate resolve ${number} --applied (the database has all of it) ` +
      `or plinth migrate resolve ${number} --reverted (nothing of it is left, and it is run again).`,
    'MigrationBroken',
  )
}

function error(message: string, hint: string, code: ErrorCode = 'MigrationConflict'): PlinthError {
  return new PlinthError(code, message, { hint })
}
