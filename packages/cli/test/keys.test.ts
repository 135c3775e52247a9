import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openKeys } from '../src/development/folder.ts'
import { temporaryFolder } from './support/command.ts'

const folder = temporaryFolder()
const file = join(folder, 'one.keys.json')
const services = ['backend', 'server']

test('keys are made once and kept', () => {
  const keys = openKeys(folder, 'one', services)
  assert.deepEqual(Object.keys(keys), services)
  assert.deepEqual(openKeys(folder, 'one', services), keys)
})

test('a key that is no text, or an empty one, is replaced and the others stay', () => {
  for (const damaged of ['', ' ', null, 5, {}]) {
    writeFileSync(file, JSON.stringify({ backend: damaged, server: 'kept' }))
    const keys = openKeys(folder, 'one', services)
    assert.match(keys['backend'] ?? '', /^plinth_backend_.{32}$/, JSON.stringify(damaged))
    assert.equal(keys['server'], 'kept')
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), keys)
  }
})

test('a name more in the file is no service', () => {
  writeFileSync(file, JSON.stringify({ backend: 'a', server: 'b', postgres: 'c' }))
  assert.deepEqual(openKeys(folder, 'one', services), { backend: 'a', server: 'b' })
})

test('a file that holds another JSON value is written anew', () => {
  for (const content of ['[]', 'null', '"text"', '7']) {
    writeFileSync(file, content)
    assert.deepEqual(Object.keys(openKeys(folder, 'one', services)), services)
  }
})
