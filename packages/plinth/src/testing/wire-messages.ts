/** A run of bytes of one message; `type` is undefined for what comes before the protocol's typed messages. */
export interface Piece {
  readonly type: string | undefined
  readonly bytes: Buffer
  /** The message is all here; only then may its content be read. */
  readonly isWhole: boolean
}

const startupHeaderBytes = 4
const headerBytes = 5

/**
 * Cuts a stream of PostgreSQL's messages (manual, 54.7) where they begin, however the packets were cut. Messages of
 * the types in `whole` come out in one piece; of the others each byte is passed on as it comes, so a large answer is
 * never held.
 */
export class MessageSplitter {
  readonly #whole: string
  #isTyped: boolean
  #isOpaque = false
  /** Single bytes to come before the next message: the answer to a request for encryption. */
  #bare = 0
  #held: Buffer = Buffer.alloc(0)
  /** Of the message that is being passed on. */
  #left = 0
  #type: string | undefined

  constructor(whole: string, begins: 'untyped' | 'typed') {
    this.#whole = whole
    this.#isTyped = begins === 'typed'
  }

  /** The startup message has been read: from here on each message begins with its type. */
  becomeTyped(): void {
    this.#isTyped = true
  }

  expectBareByte(): void {
    this.#bare++
  }

  /** What follows is encrypted, and passed on unread. */
  becomeOpaque(): void {
    this.#isOpaque = true
  }

  /** Lazy on purpose: whoever reads a piece may change how the next one is read. */
  *pieces(chunk: Buffer): Generator<Piece> {
    let rest = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    this.#held = Buffer.alloc(0)
    while (rest.length > 0) {
      const piece = this.#take(rest)
      if (piece === undefined) {
        this.#held = rest
        return
      }
      rest = rest.subarray(piece.bytes.length)
      yield piece
    }
  }

  /** Undefined when more bytes are needed to say what it is. */
  #take(bytes: Buffer): Piece | undefined {
    if (this.#isOpaque) return { type: undefined, bytes, isWhole: false }
    if (this.#left > 0) return this.#pass(bytes)
    if (this.#bare > 0) {
      this.#bare--
      return { type: undefined, bytes: bytes.subarray(0, 1), isWhole: true }
    }
    const header = this.#isTyped ? headerBytes : startupHeaderBytes
    if (bytes.length < header) return undefined
    const type = this.#isTyped ? bytes.toString('latin1', 0, 1) : undefined
    const length = bytes.readUInt32BE(header - 4) + header - 4
    if (type === undefined || this.#whole.includes(type)) {
      return bytes.length < length ? undefined : { type, bytes: bytes.subarray(0, length), isWhole: true }
    }
    this.#type = type
    this.#left = length
    return this.#pass(bytes)
  }

  #pass(bytes: Buffer): Piece {
    const passed = bytes.subarray(0, this.#left)
    this.#left -= passed.length
    return { type: this.#type, bytes: passed, isWhole: false }
  }
}

/** The text that begins at `from` and ends before the next zero byte. */
export function textAt(bytes: Buffer, from: number): string {
  const end = bytes.indexOf(0, from)
  return bytes.toString('utf8', from, end < 0 ? bytes.length : end)
}
