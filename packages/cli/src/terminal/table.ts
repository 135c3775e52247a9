import { dim, oneLine } from './text.ts'

const gap = '   '

/**
 * Rows under their heads, numbers to the right. On a terminal the last column is cut to its width; in a file or a pipe
 * nothing is.
 */
export function table(heads: readonly string[], cells: readonly (readonly string[])[]): string {
  const rows = cells.map((row) => row.map(oneLine))
  const widths = heads.map((head, i) => Math.max(head.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const isNumber = heads.map((_, i) => rows.length > 0 && rows.every((row) => /^[\d,.]*( \w+)?$/.test(row[i] ?? '')))
  const line = (cells: readonly string[]): string =>
    cells.map((cell, i) => (isNumber[i] ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0))).join(gap)
  const lines = rows.map((row) => fit(`  ${line(row)}`.trimEnd()))
  return [dim(`  ${line(heads)}`.trimEnd()), ...lines].join('\n')
}

function fit(text: string): string {
  const { columns: width } = process.stdout
  return width === undefined || text.length <= width ? text : `${text.slice(0, Math.max(width - 1, 1))}…`
}

/** `1.5 MB`, of 1024 to the next unit, as PostgreSQL's pg_size_pretty has them. */
export function size(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB']
  const at = Math.min(bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10), units.length - 1)
  const value = bytes / 1024 ** at
  return `${value < 10 && at > 0 ? value.toFixed(1) : Math.round(value)} ${units[at]}`
}

/** `250 ms`, `12.3 s`, `4 min`, `3 h` */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`
}
