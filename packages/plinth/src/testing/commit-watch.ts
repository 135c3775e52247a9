import { MessageSplitter, type Piece, textAt } from './wire-messages.ts'

export type Side = 'request' | 'answer'

export interface SeenPiece {
  readonly bytes: Buffer
  /** This piece asks for a COMMIT, or is the server's answer that it was done. */
  readonly isCommit: boolean
}

const encryptionRequests: ReadonlySet<number> = new Set([80_877_103, 80_877_104])
const acceptsEncryption: ReadonlySet<string> = new Set(['S', 'G'])

/** The body of a typed message begins behind its type and its length. */
const bodyAt = 5

/**
 * Reads both sides of one connection and knows a COMMIT when it passes: as a simple query, and in the extended protocol
 * by the portal that Execute names, whose statement may have been parsed long before.
 */
export class CommitWatch {
  readonly #requests = new MessageSplitter('PBECQ', 'untyped')
  readonly #answers = new MessageSplitter('C', 'typed')
  /** Names of prepared statements and portals that are a COMMIT. Bounded: the client closes or parses anew. */
  readonly #statements = new Set<string>()
  readonly #portals = new Set<string>();

  *read(side: Side, chunk: Buffer): Generator<SeenPiece> {
    const splitter = side === 'request' ? this.#requests : this.#answers
    for (const piece of splitter.pieces(chunk)) {
      const isCommit = side === 'request' ? this.#asksForCommit(piece) : this.#answersCommit(piece)
      yield { bytes: piece.bytes, isCommit }
    }
  }

  #asksForCommit({ type, bytes, isWhole }: Piece): boolean {
    if (!isWhole) return false
    if (type === undefined) this.#noteStartup(bytes)
    if (type === 'Q') return isCommitText(textAt(bytes, bodyAt))
    if (type === 'P') this.#noteParse(bytes)
    if (type === 'B') this.#noteBind(bytes)
    if (type === 'C') this.#noteClose(bytes)
    return type === 'E' && this.#portals.has(textAt(bytes, bodyAt))
  }

  #noteStartup(bytes: Buffer): void {
    if (bytes.length >= 8 && encryptionRequests.has(bytes.readUInt32BE(4))) this.#answers.expectBareByte()
    else this.#requests.becomeTyped()
  }

  #noteParse(bytes: Buffer): void {
    const name = textAt(bytes, bodyAt)
    const text = textAt(bytes, bodyAt + Buffer.byteLength(name) + 1)
    keep(this.#statements, name, isCommitText(text))
  }

  #noteBind(bytes: Buffer): void {
    const portal = textAt(bytes, bodyAt)
    const statement = textAt(bytes, bodyAt + Buffer.byteLength(portal) + 1)
    keep(this.#portals, portal, this.#statements.has(statement))
  }

  #noteClose(bytes: Buffer): void {
    const kind = bytes.toString('latin1', bodyAt, bodyAt + 1)
    const names = kind === 'S' ? this.#statements : this.#portals
    names.delete(textAt(bytes, bodyAt + 1))
  }

  /** Only a COMMIT that was done counts: a failed transaction answers ROLLBACK. */
  #answersCommit({ type, bytes, isWhole }: Piece): boolean {
    if (type === undefined && isWhole && acceptsEncryption.has(bytes.toString('latin1'))) {
      this.#requests.becomeOpaque()
      this.#answers.becomeOpaque()
    }
    return type === 'C' && isWhole && textAt(bytes, bodyAt) === 'COMMIT'
  }
}

function keep(names: Set<string>, name: string, isCommit: boolean): void {
  if (isCommit) names.add(name)
  else names.delete(name)
}

function isCommitText(text: string): boolean {
  return /^\s*(?:commit|end)\b/i.test(text) || /;\s*commit\b/i.test(text)
}
