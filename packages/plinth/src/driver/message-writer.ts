/** Text as PostgreSQL reads it for the parameter's type, or bytes for bytea. */
export type Parameter = string | Uint8Array | null

const initialBytes = 16_384

/** A buffer that one large statement made larger than this is not kept. */
const keptBytes = 1_048_576

const code = { parse: 0x50, bind: 0x42, describe: 0x44, execute: 0x45, close: 0x43, flush: 0x48, sync: 0x53 }
const portalKind = 0x50
const statementKind = 0x53

/**
 * Writes the messages of one exchange behind each other, to be sent as one chunk (PostgreSQL 18, 54.7 "Message
 * Formats"). pg writes each message as a chunk of its own; with two or three statements in an exchange those chunks
 * were a tenth of a transaction's CPU (158 µs against 143, 2026-11).
 */
export class MessageWriter {
  #bytes: Buffer = Buffer.allocUnsafe(initialBytes)
  #at = 0

  parse(name: string, text: string): void {
    const start = this.#begin(code.parse)
    this.#text(name)
    this.#text(text)
    this.#int16(0)
    this.#end(start)
  }

  /** Text goes as text, bytes as bytes; every column of the answer is asked for as text. */
  bind(portal: string, statement: string, values: readonly Parameter[]): void {
    const start = this.#begin(code.bind)
    this.#text(portal)
    this.#text(statement)
    this.#int16(values.length)
    for (const value of values) this.#int16(value instanceof Uint8Array ? 1 : 0)
    this.#int16(values.length)
    for (const value of values) this.#value(value)
    this.#int16(0)
    this.#end(start)
  }

  describePortal(name: string): void {
    this.#named(code.describe, portalKind, name)
  }

  closeStatement(name: string): void {
    this.#named(code.close, statementKind, name)
  }

  /** `maxRows` 0: all of them. */
  execute(portal: string, maxRows: number): void {
    const start = this.#begin(code.execute)
    this.#text(portal)
    this.#int32(maxRows)
    this.#end(start)
  }

  flush(): void {
    this.#end(this.#begin(code.flush))
  }

  sync(): void {
    this.#end(this.#begin(code.sync))
  }

  /** What was written since the last call. */
  take(): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#at))
    this.clear()
    return taken
  }

  clear(): void {
    this.#at = 0
    if (this.#bytes.length > keptBytes) this.#bytes = Buffer.allocUnsafe(initialBytes)
  }

  #named(message: number, kind: number, name: string): void {
    const start = this.#begin(message)
    this.#ensure(1)
    this.#bytes[this.#at++] = kind
    this.#text(name)
    this.#end(start)
  }

  #begin(message: number): number {
    this.#ensure(5)
    this.#bytes[this.#at] = message
    const start = this.#at + 1
    this.#at += 5
    return start
  }

  /** A message's length counts itself and not the code in front of it. */
  #end(start: number): void {
    this.#bytes.writeInt32BE(this.#at - start, start)
  }

  #value(value: Parameter): void {
    if (value === null) return this.#int32(-1)
    const isText = typeof value === 'string'
    const length = isText ? Buffer.byteLength(value) : value.length
    this.#int32(length)
    this.#ensure(length)
    if (isText) this.#bytes.write(value, this.#at, length, 'utf8')
    else this.#bytes.set(value, this.#at)
    this.#at += length
  }

  #text(text: string): void {
    const length = Buffer.byteLength(text)
    this.#ensure(length + 1)
    this.#bytes.write(text, this.#at, length, 'utf8')
    this.#at += length
    this.#bytes[this.#at++] = 0
  }

  #int16(value: number): void {
    this.#ensure(2)
    this.#bytes.writeUInt16BE(value, this.#at)
    this.#at += 2
  }

  #int32(value: number): void {
    this.#ensure(4)
    this.#bytes.writeInt32BE(value, this.#at)
    this.#at += 4
  }

  #ensure(size: number): void {
    if (this.#at + size <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(2 * (this.#at + size))
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#bytes = larger
  }
}
