import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MessageSplitter, messageCode } from '../src/driver/message-splitter.ts'

interface Message {
  readonly code: number
  readonly content: Uint8Array
}

const notice = 0x4e
const readyForQuery = 0x5a
const message = fc.record({
  code: fc.constantFrom(messageCode.dataRow, messageCode.commandComplete, notice, readyForQuery),
  content: fc.uint8Array({ maxLength: 40 }),
})

function bytesOf({ code, content }: Message): Buffer {
  const header = Buffer.from([code, 0, 0, 0, 0])
  header.writeUInt32BE(content.length + 4, 1)
  return Buffer.concat([header, content])
}

/** What was taken, and what was passed on as whole messages, in the order it happened. */
function split(pieces: readonly Buffer[], mostBytes = Infinity): string[] {
  const seen: string[] = []
  const splitter = new MessageSplitter(
    {
      takes: (code) => code === messageCode.dataRow,
      wants: (_code, length) => length <= mostBytes,
      take: (code, bytes, start, end) => seen.push(`${code} ${bytes.toString('hex', start, end)}`),
    },
    (bytes) => {
      for (let at = 0; at < bytes.length; at += 1 + bytes.readUInt32BE(at + 1)) {
        const end = at + 1 + bytes.readUInt32BE(at + 1)
        assert.ok(end <= bytes.length, 'half a message was passed on')
        seen.push(`${bytes[at]} ${bytes.toString('hex', at + 5, end)}`)
      }
    },
  )
  for (const piece of pieces) splitter.push(piece)
  return seen
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = []
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1
    pieces.push(bytes.subarray(at, at + size))
    at += size
  }
  return pieces
}

test('messages arrive whole and in order, wherever the stream was cut', () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 })
  fc.assert(
    fc.property(fc.array(message), cuts, (messages, sizes) => {
      const expected = messages.map(({ code, content }) => `${code} ${Buffer.from(content).toString('hex')}`)
      assert.deepEqual(split(cut(Buffer.concat(messages.map(bytesOf)), sizes)), expected)
    }),
  )
})

test('a row that is not wanted is skipped while it arrives, and what follows is read', () => {
  const large = { code: messageCode.dataRow, content: new Uint8Array(1000) }
  const small = { code: messageCode.dataRow, content: new Uint8Array([1]) }
  const bytes = Buffer.concat([large, small].map(bytesOf))
  for (const size of [1, 3, 7, 600]) assert.deepEqual(split(cut(bytes, [size]), 100), ['68 01'])
})

test('what is no message of the protocol is an error', () => {
  assert.throws(() => split([Buffer.from([messageCode.dataRow, 0, 0, 0, 1, 0])]), { code: 'ConnectionLost' })
})
