/**
 * The columns of the key that an integrity error is about, from the detail `Key (email)=(x) already exists.`: the names
 * stand before the values, so nothing of a value gets in. An expression is one entry: `lower(email)`.
 */
export function violatedColumns(error: Error): readonly string[] | undefined {
  if ('column' in error && typeof error.column === 'string') return [error.column]
  return 'detail' in error && typeof error.detail === 'string' ? keyColumns(error.detail) : undefined
}

function keyColumns(detail: string): readonly string[] | undefined {
  const from = detail.indexOf('(') + 1
  if (from === 0) return undefined
  const columns: string[] = []
  let start = from
  for (let at = from, depth = 0, quoted = false; at < detail.length; at++) {
    const letter = detail[at]
    if (letter === '"') quoted = !quoted
    if (quoted) continue
    if (letter === '(') depth++
    const isEnd = letter === ')' && depth-- === 0
    if (!isEnd && (letter !== ',' || depth > 0)) continue
    columns.push(unquoted(detail.slice(start, at).trim()))
    start = at + 1
    if (isEnd) return detail.startsWith('=(', at + 1) ? columns : undefined
  }
  return undefined
}

function unquoted(name: string): string {
  return /^"(?:[^"]|"")+"$/.test(name) ? name.slice(1, -1).replaceAll('""', '"') : name
}
