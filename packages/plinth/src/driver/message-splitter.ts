import { PlinthError } from '../errors.ts'

/** First byte of a message (PostgreSQL 18, 54.7). */
export const messageCode = {
  parseComplete: 0x31,
  bindComplete: 0x32,
  closeComplete: 0x33,
  commandComplete: 0x43,
  dataRow: 0x44,
  noData: 0x6e,
} as const

/** Takes messages that need not go through pg's parser. */
export interface MessageTaker {
  /** Whether the message whose header this is would be taken now. What is refused goes to pg. */
  takes(code: number): boolean
  /** Whether a row of this length is read at all; one that is not is never held in memory. */
  wants(code: number, length: number): boolean
  /** The message's content is `bytes` from `start` to `end`. */
  take(code: number, bytes: Buffer, start: number, end: number): void
}

const headerBytes = 5
const readyForQuery = 0x5a

/**
 * Cuts what the server sends into messages: rows and the like go to whoever asked for them, without pg's parser, which
 * makes a JavaScript string of every value; everything else goes to that parser, in order. A row that is the parser's
 * is passed on as it comes: put together first, the rows of a stream were copied once more (112 to 124 MB of a process
 * instead of 110 to 113).
 */
export class MessageSplitter {
  readonly #taker: MessageTaker
  readonly #passOn: (bytes: Buffer) => void
  /** Pieces of one message whose end is still to come, `#keptBytes` of the `#neededBytes` in all. */
  #kept: Buffer[] = []
  #keptBytes = 0
  #neededBytes = headerBytes
  /** Of a row nobody wants. */
  #toSkip = 0
  /** Of a row whose beginning the parser has. */
  #toPass = 0

  constructor(taker: MessageTaker, passOn: (bytes: Buffer) => void) {
    this.#taker = taker
    this.#passOn = passOn
  }

  /** Throws at what is no message of PostgreSQL's protocol. */
  push(received: Buffer): void {
    const chunk = this.#skip(this.#passRest(received))
    if (this.#keptBytes + chunk.length < this.#neededBytes) return this.#keep(chunk)
    const bytes = this.#keptBytes === 0 ? chunk : Buffer.concat([...this.#kept, chunk])
    this.#kept = []
    this.#keptBytes = 0
    this.#neededBytes = headerBytes
    this.#split(bytes)
  }

  #split(bytes: Buffer): void {
    let passed = 0
    let at = 0
    while (at + headerBytes <= bytes.length) {
      const code = bytes[at] ?? 0
      const length = bytes.readUInt32BE(at + 1)
      if (length < 4) throw new PlinthError('ConnectionLost', 'The server sent what is no message of PostgreSQL.')
      const end = at + 1 + length
      if (end > bytes.length) break
      if (this.#taker.takes(code)) {
        if (passed < at) this.#passOn(bytes.subarray(passed, at))
        this.#taker.take(code, bytes, at + headerBytes, end)
        passed = end
      } else if (code === readyForQuery) {
        // At once: the messages behind it are for the next in line.
        this.#passOn(bytes.subarray(passed, end))
        passed = end
      }
      at = end
    }
    if (passed < at) this.#passOn(bytes.subarray(passed, at))
    if (at < bytes.length) this.#keepRest(bytes.subarray(at))
  }

  /** What came before it has been taken, so it is known now who the message is for. */
  #keepRest(rest: Buffer): void {
    if (rest.length < headerBytes) return this.#keep(rest)
    const [code, length] = [rest[0] ?? 0, rest.readUInt32BE(1)]
    if (this.#taker.takes(code) && !this.#taker.wants(code, length)) {
      this.#toSkip = 1 + length - rest.length
      return
    }
    if (code === messageCode.dataRow && !this.#taker.takes(code)) {
      this.#toPass = 1 + length - rest.length
      return this.#passOn(rest)
    }
    this.#neededBytes = 1 + length
    this.#keep(rest)
  }

  #keep(piece: Buffer): void {
    if (piece.length === 0) return
    this.#kept.push(piece)
    this.#keptBytes += piece.length
  }

  #passRest(chunk: Buffer): Buffer {
    if (this.#toPass === 0) return chunk
    const passed = Math.min(this.#toPass, chunk.length)
    this.#toPass -= passed
    this.#passOn(chunk.subarray(0, passed))
    return chunk.subarray(passed)
  }

  #skip(chunk: Buffer): Buffer {
    if (this.#toSkip === 0) return chunk
    const skipped = Math.min(this.#toSkip, chunk.length)
    this.#toSkip -= skipped
    return chunk.subarray(skipped)
  }
}
