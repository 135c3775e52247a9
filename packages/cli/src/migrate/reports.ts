import type { Migration, MigrationChange, MigrationResult, MigrationState, MigrationStatus } from 'plinth/migrate'
import type { Report } from '../command-line/command.ts'
import { withoutSecrets } from '../terminal/secrets.ts'
import { duration, table } from '../terminal/table.ts'
import { count, oneLine } from '../terminal/text.ts'

/** What a run, a revert or a redo has done. */
export function resultReport(results: readonly MigrationResult[], nothing: string): Report {
  const rows = results.map(({ id, direction, durationMs }) => [id, done[direction], duration(durationMs)])
  return { data: results, text: rows.length === 0 ? nothing : table(['migration', 'was', 'took'], rows) }
}

const done = { up: 'applied', down: 'reverted' } as const

/** What one would do. */
export function planReport(migrations: readonly Migration[], what: 'run' | 'revert'): Report {
  const data = migrations.map(({ id, number }) => ({ id, number }))
  if (data.length === 0) return { data, text: `Nothing to ${what}.` }
  return { data, text: `Would ${what}, in this order:\n${data.map(({ id }) => `  ${id}`).join('\n')}` }
}

/** Finds something (exit code 3) unless the database has exactly what the folder has. */
export function statusReport(statuses: readonly MigrationStatus[]): Report {
  const open = statuses.filter(({ state }) => state !== 'applied')
  const rows = statuses.map(({ id, state, appliedAt, durationMs, appliedBy }) => [
    id,
    state,
    appliedAt?.toISOString() ?? '',
    durationMs === undefined ? '' : duration(durationMs),
    appliedBy ?? '',
  ])
  const text = rows.length === 0 ? 'There are no migrations.' : table(['migration', 'state', 'at', 'took', 'by'], rows)
  const notes = open.flatMap(explain)
  return { data: statuses, text: [text, ...new Set(notes)].join('\n\n'), hasFindings: open.length > 0 }
}

const meanings: Readonly<Record<MigrationState, string | undefined>> = {
  applied: undefined,
  pending: 'pending: plinth migrate run runs it.',
  running: 'running: a file without a transaction is under way.',
  squashed: 'squashed: the next run records it in place of the migrations it stands for, and runs nothing.',
  newer: 'newer: the database was migrated by a later release than this folder.',
  skipped: 'skipped: a later migration was run without it. plinth migrate run says what to do.',
  changed: 'changed: its file is not the one that was run. plinth migrate run says what to do.',
  missing: 'missing: the database has it and the folder does not. plinth migrate run says what to do.',
  broken: 'broken: it stopped half way. plinth migrate run says what to do.',
}

function explain({ id, state, stoppedAt }: MigrationStatus): string[] {
  const meaning = meanings[state]
  if (stoppedAt === undefined || state !== 'broken') return meaning === undefined ? [] : [meaning]
  const { direction, statement, error } = stoppedAt
  const why = error ?? 'its process ended'
  return [
    `${id} stopped at statement ${statement} of its ${direction}.sql: ${oneLine(withoutSecrets(why))}`,
    meaning ?? '',
  ]
}

export function historyReport(changes: readonly MigrationChange[]): Report {
  const rows = changes.map(({ changedAt, id, change, durationMs, changedBy, note }) => [
    changedAt.toISOString(),
    change,
    id,
    duration(durationMs),
    changedBy,
    note ?? '',
  ])
  const heads = ['at', 'change', 'migration', 'took', 'by', 'note']
  return { data: changes, text: rows.length === 0 ? 'No migration was ever run here.' : table(heads, rows) }
}

export function baselineReport(
  baseline: readonly Migration[],
  adopted: readonly { readonly name: string }[],
  from: string | undefined,
): Report {
  const ids = baseline.map(({ id }) => id)
  const before =
    from === undefined ? '' : `${from} had run ${count(adopted.length)}, the last ${adopted.at(-1)?.name ?? ''}.\n`
  const text = `${before}Counts as applied from now on, and was not run: ${ids.join(', ')}.`
  return { data: { baseline: ids, adopted }, text: `${text}\nplinth migrate check compares it with the database.` }
}
