import type { Database } from 'plinth'
import { fixSequences, type SequenceBehind, sequencesBehind } from 'plinth/inspect'
import type { Report } from '../command-line/command.ts'
import { table } from '../terminal/table.ts'

/** Finds something (exit code 3) while a sequence is behind: one that is not set yet, or that cannot be set. */
export async function sequencesReport(database: Database, isDryRun: boolean): Promise<Report> {
  const found = isDryRun ? await sequencesBehind(database) : await fixSequences(database)
  const fixable = found.filter(({ kept }) => kept === undefined)
  const rows = fixable.map(({ sequence, columns, next, furthest }) => [sequence, columns.join(', '), next, furthest])
  const heads = ['Sequence', 'Column', isDryRun ? 'Gives next' : 'Gave next', isDryRun ? 'Highest value' : 'Set to']
  const isBehind = found.some(({ kept }) => kept === 'range')
  const first = rows.length > 0 ? [table(heads, rows)] : isBehind ? [] : ['No sequence is behind its column.']
  const text = [...first, ...found.flatMap(explain)].join('\n')
  return { data: found, text, hasFindings: isBehind || (isDryRun && fixable.length > 0) }
}

function explain({ sequence, columns, furthest, kept }: SequenceBehind): string[] {
  if (kept === 'range')
    return [
      `${sequence} cannot be set: ${furthest} in ${columns.join(', ')} is out of its range. ` +
        'Widen it, or correct the row.',
    ]
  return kept === 'cycle' ? [`${sequence} cycles, so it is left where it is.`] : []
}
