import assert from 'node:assert/strict'
import { test } from 'node:test'

/** Each is written over and over, with something behind it that is not what the reader waits for. */
const pieces = [
  ' ',
  '\t',
  '"',
  '\\"',
  '""',
  '\\',
  ',',
  '(',
  '{',
  '[',
  '.',
  '-',
  ':',
  '=',
  ';',
  '&',
  '*',
  'a',
  '1',
  '\n',
]
const words = [
  'a,',
  '"a",',
  'a.',
  'a->',
  '->>1',
  '1.',
  '1e',
  ' and',
  '(was ',
  ' received ',
  'a;',
  'q=',
  ', ',
  'not.',
  '%41',
]
const ends = ['', 'a b"']

/** A reader that goes back and forth takes minutes for this much. */
const length = 40_000
const mostMs = 1_000

/** Tests readers of what a stranger wrote, before anybody knows who he is or whether it means anything. */
export function testReaders(readers: Readonly<Record<string, (text: string) => unknown>>): void {
  for (const [name, read] of Object.entries(readers))
    test(`the time to read ${name} grows with its length and no faster`, () => {
      for (const piece of [...pieces, ...words])
        for (const end of ends) {
          const ms = timeOf(() => read(piece.repeat(Math.ceil(length / piece.length)) + end))
          assert.ok(ms < mostMs, `${Math.round(ms)} ms for ${JSON.stringify([piece, end])}`)
        }
    })
}

/** Of this process alone: another one may have the processor for a while. */
function timeOf(read: () => unknown): number {
  const before = process.cpuUsage()
  try {
    read()
  } catch {
    // What is refused was read as well.
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}
