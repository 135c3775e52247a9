import assert from 'node:assert/strict'
import { test } from 'node:test'
import { packageOf, readSource, target } from './source-tree.ts'

// Indented, or the reader would take it for imports of this file.
const source = `
  import one, { type Two, three as drei } from './one.ts'
  import type { Four } from '../four.ts'
  import * as five from 'node:fs'
  import './side.ts'
  export { six, type Seven as Sieben } from './six.ts'
  export type * from './eight.ts'
  import {
    nine,
    ten,
  } from '@scope/nine/part'
  // import { no } from './comment.ts'
  /** import { no } from './docs.ts' */
  export const a = 1
  export async function b(): Promise<void> { await import('./late.ts') }
  export abstract class C {}
  export interface D { e: E }
  export type E = D | typeof import('pg')
  type F = 1
  const g = 2
  export { g, type F as H }
`.replaceAll(/^ {2}/gm, '')

test('the reader of imports finds each form, and nothing in comments', () => {
  const { imports } = readSource('packages/x/src/file.ts', source)
  assert.deepEqual(
    imports.map(({ from, names, isType, isExport }) => [from, names, isType, isExport]),
    [
      ['./one.ts', ['default', 'Two', 'three'], false, false],
      ['../four.ts', ['Four'], true, false],
      ['node:fs', 'all', false, false],
      ['./side.ts', [], false, false],
      ['./six.ts', ['six', 'Seven'], false, true],
      ['./eight.ts', 'all', true, true],
      ['@scope/nine/part', ['nine', 'ten'], false, false],
      ['./late.ts', 'all', false, false],
    ],
  )
})

test('the reader of exports finds each form, and knows types that the file itself speaks of', () => {
  const { exports, spokenTypes } = readSource('packages/x/src/file.ts', source)
  assert.deepEqual(exports, ['a', 'b', 'C', 'D', 'E', 'g', 'H'])
  assert.deepEqual(spokenTypes, ['D', 'E'])
})

test('an import leads to a file or to a package', () => {
  assert.equal(target('packages/x/src/file.ts', '../four.ts'), 'packages/x/four.ts')
  assert.equal(target('packages/x/src/file.ts', 'pg'), undefined)
  assert.deepEqual(['pg', 'plinth/testing', '@scope/nine/part', 'node:fs', './one.ts'].map(packageOf), [
    'pg',
    'plinth',
    '@scope/nine',
    undefined,
    undefined,
  ])
})
