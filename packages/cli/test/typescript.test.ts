import assert from 'node:assert/strict'
import { test } from 'node:test'
import { property, union } from '../src/types/typescript.ts'

test('a label or a name that a terminal would obey is written with escapes, and means the same', () => {
  const labels = ['calm', 'it\'s \\ "loud"', 'a\u001b[2J\u009b', 'two\r\nlines\t', 'turned \u202e\u2028', '\u{e0001}']
  const written = union(labels)
  assert.doesNotMatch(written, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
  assert.equal(
    written,
    String.raw`'calm' | 'it\'s \\ "loud"' | 'a\u001b[2J\u009b' | 'two\r\nlines\u0009' | 'turned \u202e\u2028' | '\u{e0001}'`,
  )
  assert.equal(property('a\u001b'), String.raw`'a\u001b'`)
})
