/** Texts whose summary is kept. The oldest leaves: an application with more than this sends made-up texts. */
const cacheLimit = 1000
/** A longer text is summed up anew each time: keeping it would cost more memory than reading its start costs time. */
const longestCached = 4096
/** Read of one text. */
const longestRead = 16_384
/** Of one summary, as OpenTelemetry's `db.query.summary` has it. */
const longestSummary = 255
const mostTargets = 4

const cache = new Map<string, string>()

/**
 * The operations and targets of a statement, `SELECT users` or `INSERT orders SELECT carts`: what OpenTelemetry calls
 * db.query.summary. Built from keywords and names alone; of quoted text and numbers nothing can reach it.
 */
export function summarize(text: string): string {
  const known = cache.get(text)
  if (known !== undefined) return known
  const summary = read(text.slice(0, longestRead))
  if (text.length > longestCached) return summary
  if (cache.size >= cacheLimit) for (const oldest of cache.keys()) if (cache.delete(oldest)) break
  cache.set(text, summary)
  return summary
}

// In this order: white space and comments, quoted text, dollar quoting, a quoted name, a word, a number or parameter,
// any other character. Text quoted in one of the forms that nest or escape differently ends the reading where it
// breaks.
const quoted = /[eE]'(?:[^'\\]|\\.|'')*(?:'|$)|'(?:[^']|'')*(?:'|$)/.source
const dollarQuoted = /\$(?<tag>(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?)\$[\s\S]*?(?:\$\k<tag>\$|$)/.source
const token = new RegExp(
  [
    /\s+|--[^\n]*|\/\*(?:(?!\/\*)[\s\S])*?(?:\*\/|$)/.source,
    `(?<text>${quoted}|${dollarQuoted})`,
    /(?<name>"(?:[^"]|"")*")/.source,
    /(?<word>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)/.source,
    /\$?\d[\w.]*/.source,
    /(?<other>[\s\S])/.source,
  ].join('|'),
  'gy',
)

const rowCommands: ReadonlySet<string> = new Set(['select', 'insert', 'update', 'delete', 'merge', 'values'])
const otherCommands: ReadonlySet<string> = new Set(
  (
    'begin start commit rollback savepoint release set reset show listen unlisten notify copy call do explain ' +
    'analyze vacuum truncate lock refresh create alter drop grant revoke comment reindex cluster discard prepare ' +
    'execute deallocate declare fetch close move load checkpoint'
  ).split(' '),
)
/** Commands that name what kind of object they are about, and the words that may stand before its name. */
const definitions: ReadonlySet<string> = new Set(['CREATE', 'ALTER', 'DROP', 'REFRESH', 'COMMENT', 'REINDEX'])
const objectKinds: ReadonlySet<string> = new Set(
  'table view index sequence function procedure schema type role trigger extension database policy domain'.split(' '),
)
const beforeNames: ReadonlySet<string> = new Set('if not exists only concurrently lateral table'.split(' '))
const namesFollow: ReadonlySet<string> = new Set(['copy', 'call', 'truncate', 'lock', 'analyze', 'vacuum'])
const targetsFollow: ReadonlySet<string> = new Set(['from', 'join', 'into', 'using'])
/** Before `update` these make it a part of another clause: FOR UPDATE, DO UPDATE, ON UPDATE, FOR NO KEY UPDATE. */
const notCommands: ReadonlySet<string> = new Set(['for', 'do', 'on', 'key', 'before', 'after', 'or', 'then'])

/** Functions in FROM that turn values into rows: no target. `table()` writes rows by the first of them. */
const rowSources = /^(jsonb?_\w+|unnest|generate_series)$/

interface Reading {
  readonly parts: string[]
  /** For each open parenthesis: whether a query stands in it, where FROM names a table. */
  readonly open: boolean[]
  targets: number
  wantsTarget: boolean
  /** The last token was the target just taken, so a dot behind it says that it was only the schema. */
  isAfterTarget: boolean
  previous: string
  isDone: boolean
}

function read(text: string): string {
  const reading: Reading = {
    parts: [],
    open: [],
    targets: 0,
    wantsTarget: false,
    isAfterTarget: false,
    previous: '',
    isDone: false,
  }
  let wasText = false
  for (const match of text.matchAll(token)) {
    const { text: quoted, name, word, other } = match.groups ?? {}
    // A word right behind quoted text: the quoting is broken, and what follows may be somebody's value.
    if (wasText && (word !== undefined || quoted !== undefined)) break
    wasText = quoted !== undefined
    if (quoted !== undefined) reading.wantsTarget = false
    else if (word !== undefined) takeWord(reading, word)
    else if (name !== undefined) takeName(reading, name.slice(1, -1).replaceAll('""', '"'))
    else if (other !== undefined) takeOther(reading, other)
    if (reading.isDone) break
  }
  return withoutEmptySelects(reading.parts).join(' ').slice(0, longestSummary) || 'OTHER'
}

/** A query around a subquery, or one that only unpacks values for an INSERT, says nothing beside the other part. */
function withoutEmptySelects(parts: readonly string[]): readonly string[] {
  const isEmpty = (next: string | undefined): boolean => next === undefined || rowCommands.has(next.toLowerCase())
  const told = parts.filter((part, i) => part !== 'SELECT' || !isEmpty(parts[i + 1]))
  return told.length > 0 ? told : parts.slice(0, 1)
}

function takeWord(reading: Reading, word: string): void {
  const lower = word.toLowerCase()
  const { previous, parts } = reading
  if (previous === '.') return takeName(reading, word)
  reading.previous = lower
  reading.isAfterTarget = false
  if (parts.length === 0 && otherCommands.has(lower)) return takeOtherCommand(reading, lower)
  if (rowCommands.has(lower) && !notCommands.has(previous)) return takeRowCommand(reading, lower)
  // Neither a command nor WITH: nobody's SQL, perhaps a value.
  if (previous === '' && lower !== 'with') {
    reading.isDone = true
  } else if (parts.length === 1 && definitions.has(parts[0] ?? '') && objectKinds.has(lower)) {
    parts[0] = `${parts[0]} ${lower.toUpperCase()}`
    reading.wantsTarget = true
  } else if (targetsFollow.has(lower) && (reading.open.at(-1) ?? true) && previous !== 'distinct') {
    reading.wantsTarget = parts.length > 0
  } else if (!beforeNames.has(lower)) {
    takeName(reading, word)
  }
}

function takeRowCommand(reading: Reading, command: string): void {
  if (reading.open.length > 0) reading.open[reading.open.length - 1] = true
  if (command === 'values' && reading.parts.length > 0) return
  reading.parts.push(command.toUpperCase())
  reading.wantsTarget = command === 'update'
}

function takeOtherCommand(reading: Reading, command: string): void {
  reading.parts.push(command.toUpperCase())
  reading.wantsTarget = namesFollow.has(command)
}

function takeName(reading: Reading, name: string): void {
  reading.previous = name
  reading.isAfterTarget = false
  if (!reading.wantsTarget) return
  reading.wantsTarget = false
  if (!/^[\w$ \u0080-\uffff-]{1,63}$/.test(name)) return
  if (rowSources.test(name)) return
  if (++reading.targets > mostTargets) {
    reading.isDone = true
    return
  }
  reading.parts.push(name)
  reading.isAfterTarget = true
}

function takeOther(reading: Reading, other: string): void {
  // A comment in a comment: where it ends is not seen here, and what stands in it may be anything.
  if (other === '*' && reading.previous === '/') reading.isDone = true
  if (other === '(') reading.open.push(false)
  else if (other === ')') reading.open.pop()
  if (other === '(') reading.wantsTarget = false
  if (other === '.' && reading.isAfterTarget) {
    reading.parts.pop()
    reading.targets--
    reading.wantsTarget = true
  }
  reading.previous = other
  reading.isAfterTarget = false
}
