import type { Database } from 'plinth'
import { fixSequences, sequencesBehind } from 'plinth/inspect'
import type { Report } from '../command-line/command.ts'
import { table } from '../terminal/table.ts'

export async function sequencesReport(database: Database, isDryRun: boolean): Promise<Report> {
  const found = isDryRun ? await sequencesBehind(database) : await fixSequences(database)
  if (found.length === 0) return { data: found, text: 'No sequence is behind its column.' }
  const rows = found.map(({ sequence, columns, next, furthest }) => [sequence, columns.join(', '), next, furthest])
  const heads = ['Sequence', 'Column', isDryRun ? 'Gives next' : 'Gave next', isDryRun ? 'Highest value' : 'Set to']
  return { data: found, text: table(heads, rows), hasFindings: isDryRun }
}
