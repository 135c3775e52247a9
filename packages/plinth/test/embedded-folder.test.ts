import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isPlinthError } from '../src/errors.ts'
import { onlyUser, start, temporaryFolder, unusable } from './support/embedded.ts'

const folder = temporaryFolder()

test('a folder that may not be written in is an error that names folder and user', { skip: onlyUser }, async () => {
  const closed = join(folder, 'closed')
  mkdirSync(closed, { mode: 0o555 })
  await assert.rejects(start(closed), unusable(closed, /uid \d+/, /chown/))
  await assert.rejects(start(join(closed, 'data')), unusable(closed, /uid \d+/))
})

test('a path that leads through a file is an error that names it', async () => {
  const file = join(folder, 'file')
  writeFileSync(file, '')
  await assert.rejects(start(join(file, 'data')), unusable(file))
  await assert.rejects(start(file), unusable(file))
})

test('a folder that holds something else is refused and left as it is', async () => {
  const dataDir = join(folder, 'photos')
  mkdirSync(dataDir)
  writeFileSync(join(dataDir, 'holiday.jpg'), 'x')
  await assert.rejects(start(dataDir), unusable(dataDir, 'holiday.jpg', /left as it is/))
  assert.deepEqual(readdirSync(dataDir), ['holiday.jpg'])
})

test('the data directory of another PostgreSQL is refused and left as it is', async () => {
  const dataDir = join(folder, 'foreign')
  mkdirSync(dataDir)
  writeFileSync(join(dataDir, 'PG_VERSION'), '18\n')
  await assert.rejects(start(dataDir), unusable(dataDir, /another PostgreSQL/))
  assert.deepEqual(readdirSync(dataDir), ['PG_VERSION'])
})

test('an empty cluster folder is a broken one, not a new one', async () => {
  const dataDir = join(folder, 'emptied')
  mkdirSync(join(dataDir, 'cluster'), { recursive: true })
  await assert.rejects(start(dataDir), unusable('PG_VERSION'))
})

test('a folder where the lock should be is an error that names it', async () => {
  const dataDir = join(folder, 'lock-folder')
  mkdirSync(join(dataDir, 'lock'), { recursive: true })
  await assert.rejects(start(dataDir), unusable(dataDir, /EISDIR/))
})

test('a folder another user may write in is no cache', async () => {
  const cacheDir = join(folder, 'open-cache')
  mkdirSync(cacheDir)
  chmodSync(cacheDir, 0o777)
  await assert.rejects(
    start(join(folder, 'uncached'), { cacheDir }),
    (error) => isPlinthError(error, 'EmbeddedUnavailable') && error.message.includes('written by others'),
  )
})
