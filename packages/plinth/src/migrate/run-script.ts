import type { Transaction } from '../database/queryable.ts'
import { PlinthError } from '../errors.ts'
import { insertStatements } from '../sql/copy-rows.ts'
import { type Piece, readScript } from '../sql/script.ts'
import { atLine, inFile } from './script-place.ts'

/** Commands of psql that only guard psql itself; pg_dump writes them since August 2025. */
const guards = /^\\(?:un)?restrict\b/

/** Left out: the transaction is the caller's. */
export const begins: RegExp = /^(?:begin|start\s+transaction|commit|end)\b/i
const breaks = /^(?:rollback|abort|savepoint|release|prepare\s+transaction)\b/i

/**
 * Runs a SQL file inside the transaction, statement by statement, so that an error can say where it was:
 * `name, line 7`. Its own BEGIN and COMMIT are left out; `COPY … FROM stdin` with its rows, as pg_dump writes it, is
 * run as INSERT. Returns the lines it passed over, for people to read. `onStatement` hears the line of each statement
 * before it is sent.
 *
 * Throws InvalidStatement for what would break the transaction and for commands of psql, else what PostgreSQL says.
 *
 *     await db.transaction((tx) => runScript(tx, 'dump.sql', await readFile('dump.sql', 'utf8')))
 */
export async function runScript(
  tx: Transaction,
  name: string,
  script: string,
  onStatement: (line: number) => void = () => undefined,
): Promise<readonly string[]> {
  const passed: string[] = []
  try {
    for (const piece of readScript(script)) {
      onStatement(piece.line)
      if (piece.kind === 'psql' && guards.test(piece.text))
        passed.push(`line ${piece.line}: ${piece.text.split(' ')[0]}`)
      else await runPiece(tx, piece)
    }
  } catch (error) {
    throw inFile(error, name)
  }
  return passed
}

async function runPiece(tx: Transaction, piece: Piece): Promise<void> {
  const { line, text } = piece
  if (piece.kind === 'psql') {
    throw refused(line, `${text} is a command of psql, which PostgreSQL does not know`, 'Take the line out.')
  }
  if (piece.kind === 'copy') return runCopy(tx, piece)
  if (begins.test(text)) return
  if (breaks.test(text)) throw refused(line, `${firstWords(text)} would break the one transaction of the file`)
  if (/^set\s+client_encoding\b/i.test(text) && !/utf-?8|unicode/i.test(text)) {
    throw refused(line, 'the file must be UTF-8', 'Make it with pg_dump --encoding=UTF8.')
  }
  await tx.query(text).catch((error: unknown) => {
    throw atLine(error, `line ${line}`)
  })
}

async function runCopy(tx: Transaction, piece: Piece & { kind: 'copy' }): Promise<void> {
  const below = piece.line + piece.text.split('\n').length - 1
  try {
    for (const { first, last, text } of insertStatements(piece.text, piece.rows)) {
      await tx.query(text).catch((error: unknown) => {
        throw atLine(error, `lines ${below + first} to ${below + last}`)
      })
    }
  } catch (error) {
    throw atLine(error, `line ${piece.line}`)
  }
}

function refused(line: number, what: string, hint?: string): PlinthError {
  return new PlinthError('InvalidStatement', `line ${line}: ${what}.`, hint === undefined ? {} : { hint })
}

function firstWords(text: string): string {
  return text.split(/\s+/, 2).join(' ').toUpperCase()
}
