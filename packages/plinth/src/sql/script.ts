import { PlinthError } from '../errors.ts'

/** A part of a plain SQL file, as psql would cut it. `line` counts from 1. */
export type Piece =
  | { readonly kind: 'statement'; readonly line: number; readonly text: string }
  /** `COPY … FROM stdin` with its rows, which stand below it up to `\.`. */
  | { readonly kind: 'copy'; readonly line: number; readonly text: string; readonly rows: readonly string[] }
  /** A command of psql, `\connect db`: PostgreSQL itself does not know it. */
  | { readonly kind: 'psql'; readonly line: number; readonly text: string }

interface Token {
  readonly kind: 'space' | 'word' | 'text' | 'sign' | 'psql'
  readonly end: number
}

const space = /\s+|--[^\n]*/y
const word = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y
const dollarQuote = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y
const psqlCommand = /\\[^\n]*/y

/**
 * Cuts a script into its statements. Semicolons in quotes, comments, brackets and in a function's `begin atomic … end`
 * do not end one. Throws InvalidStatement for a quote or comment without an end.
 */
export function* readScript(script: string): Generator<Piece> {
  let at = 0
  let line = 1
  const advance = (to: number): void => {
    for (let i = at; i < to; i += 1) if (script.charCodeAt(i) === 10) line += 1
    at = to
  }
  while (at < script.length) {
    const first = readToken(script, at, line)
    if (first.kind === 'space' || script[at] === ';') {
      advance(first.end)
      continue
    }
    const startLine = line
    if (first.kind === 'psql') {
      const text = script.slice(at, first.end).trim()
      advance(first.end)
      yield { kind: 'psql', line: startLine, text }
      continue
    }
    const end = statementEnd(script, at, line)
    const text = script.slice(at, end)
    advance(end + 1)
    if (!isCopyFromClient(text)) yield { kind: 'statement', line: startLine, text }
    else {
      const rows = readCopyRows(script, at, startLine)
      advance(rows.end)
      yield { kind: 'copy', line: startLine, text, rows: rows.lines }
    }
  }
}

function isCopyFromClient(text: string): boolean {
  return /^copy\b/i.test(text) && /\bfrom\s+stdin\b/i.test(text)
}

function readCopyRows(script: string, at: number, line: number): { lines: string[]; end: number } {
  const start = script.indexOf('\n', at) + 1
  const last = /^\\\.\r?$/gm
  last.lastIndex = start
  const match = start === 0 ? null : last.exec(script)
  if (match === null) throw unfinished(line, 'The rows of this COPY are not ended by \\.')
  const block = script.slice(start, match.index)
  const lines = block === '' ? [] : block.replace(/\r?\n$/, '').split(/\r?\n/)
  return { lines, end: match.index + match[0].length }
}

/** Where the statement's semicolon is, or the end of the script. */
function statementEnd(script: string, start: number, line: number): number {
  let [at, brackets, blocks, words] = [start, 0, 0, '']
  while (at < script.length) {
    const char = script[at]
    if (char === ';' && brackets === 0 && blocks === 0) return at
    const { kind, end } = readToken(script, at, line)
    if (kind === 'psql') throw unfinished(line, `${script.slice(at, end).trim()} is a command of psql`)
    if (char === '(') brackets += 1
    if (char === ')') brackets = Math.max(0, brackets - 1)
    if (kind === 'word') {
      const name = script.slice(at, end).toLowerCase()
      words = words.length < 40 ? `${words}${name} ` : words
      if (brackets === 0 && definesFunction.test(words)) blocks = Math.max(0, blocks + blockStep(name, blocks))
    }
    at = end
  }
  return script.length
}

const definesFunction = /^create (?:or replace )?(?:function|procedure) /

/** As psql counts: `begin` opens, `case` inside opens, `end` closes. */
function blockStep(name: string, blocks: number): number {
  if (name === 'begin' || (name === 'case' && blocks > 0)) return 1
  return name === 'end' ? -1 : 0
}

function readToken(script: string, at: number, line: number): Token {
  const spaceEnd = match(space, script, at)
  if (spaceEnd !== undefined) return { kind: 'space', end: spaceEnd }
  if (script.startsWith('/*', at)) return { kind: 'space', end: commentEnd(script, at, line) }
  if (script[at] === "'" || script[at] === '"') return { kind: 'text', end: quoteEnd(script, at, line, false) }
  const wordEnd = match(word, script, at)
  if (wordEnd !== undefined) {
    const isEscaped = script[wordEnd] === "'" && /^e$/i.test(script.slice(at, wordEnd))
    return isEscaped ? { kind: 'text', end: quoteEnd(script, wordEnd, line, true) } : { kind: 'word', end: wordEnd }
  }
  const tagEnd = match(dollarQuote, script, at)
  if (tagEnd !== undefined) {
    const close = script.indexOf(script.slice(at, tagEnd), tagEnd)
    if (close < 0) throw unfinished(line, `The quote ${script.slice(at, tagEnd)} has no end`)
    return { kind: 'text', end: close + tagEnd - at }
  }
  const psqlEnd = match(psqlCommand, script, at)
  return psqlEnd === undefined ? { kind: 'sign', end: at + 1 } : { kind: 'psql', end: psqlEnd }
}

function match(pattern: RegExp, script: string, at: number): number | undefined {
  pattern.lastIndex = at
  return pattern.test(script) ? pattern.lastIndex : undefined
}

/** Quotes are doubled inside a text; a backslash takes the next character along where the text is E'…'. */
function quoteEnd(script: string, start: number, line: number, isEscaped: boolean): number {
  const quote = script[start] ?? ''
  for (let at = start + 1; at < script.length; at += 1) {
    if (isEscaped && script[at] === '\\') at += 1
    else if (script[at] === quote && script[at + 1] === quote) at += 1
    else if (script[at] === quote) return at + 1
  }
  throw unfinished(line, `A ${quote} in this statement has no end`)
}

/** Comments in C style may be nested, unlike in C. */
function commentEnd(script: string, start: number, line: number): number {
  const marks = /\/\*|\*\//g
  marks.lastIndex = start
  let depth = 0
  for (let mark = marks.exec(script); mark !== null; mark = marks.exec(script)) {
    depth += mark[0] === '/*' ? 1 : -1
    if (depth === 0) return marks.lastIndex
  }
  throw unfinished(line, 'A comment has no end')
}

function unfinished(line: number, what: string): PlinthError {
  return new PlinthError('InvalidStatement', `line ${line}: ${what}.`)
}
