import type { Row } from 'plinth'
import type { Limits } from '../limits.ts'
import { invalidBody, tooMuch } from './refusals.ts'

/**
 * Reads CSV (RFC 4180) whose first line names the columns. The word NULL, quoted or not, is null, as PostgREST reads
 * it. Empty lines are skipped.
 */
export function parseCsv(text: string, limits: Limits): readonly Row[] {
  const [names, ...lines] = parseLines(text, limits)
  if (names === undefined) throw invalidBody('parse error (not enough input)', 'The first line must name the columns.')
  if (lines.some((line) => line.length !== names.length)) throw invalidBody('All lines must have same number of fields')
  return lines.map((line) =>
    Object.fromEntries(names.map((name, at) => [name, line[at] === 'NULL' ? null : (line[at] ?? null)])),
  )
}

/** A field, and what ends it: a comma, a line break or the end. A field may be as long as the body. */
const field = /(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n]*))(,|\r\n|\n|\r|$)/y

function parseLines(text: string, limits: Limits): string[][] {
  const lines: string[][] = []
  let line: string[] = []
  field.lastIndex = text.startsWith('\ufeff') ? 1 : 0
  while (field.lastIndex < text.length || line.length > 0) {
    const match = field.exec(text)
    if (match === null) throw invalidBody(`parse error in line ${lines.length + 1} of the CSV`)
    const [, quoted, plain = '', end] = match
    line.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
    if (end === ',') continue
    if (line.length > 1 || line[0] !== '' || quoted !== undefined) lines.push(line)
    line = []
    if (lines.length > limits.rows + 1) throw tooMuch(`More than ${limits.rows} rows in one write.`)
  }
  return lines
}
