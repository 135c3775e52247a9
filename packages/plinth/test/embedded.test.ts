import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { lockFolder } from '../src/embedded/lock.ts'
import { isPlinthError } from '../src/errors.ts'
import { start, temporaryFolder } from './support/embedded.ts'

const folder = temporaryFolder()

test('a damaged lock, or one of a clock that was set back, does not bar the folder', async () => {
  const dataDir = join(folder, 'damaged-lock')
  const lock = join(dataDir, 'lock')
  mkdirSync(dataDir)
  for (const content of ['\n', '0\n\n', '-1\n\n', 'x\ny\n']) {
    writeFileSync(lock, content)
    const unlock = await lockFolder(dataDir)
    unlock()
  }
  const tomorrow = Date.now() / 1000 + 86_400
  writeFileSync(lock, '12')
  utimesSync(lock, tomorrow, tomorrow)
  writeFileSync(`${lock}.break`, '')
  utimesSync(`${lock}.break`, tomorrow, tomorrow)
  const unlock = await lockFolder(dataDir)
  unlock()
  assert.deepEqual(readdirSync(dataDir), [])
})

const refusedOptions = [
  { settings: { port: '1' } },
  { settings: { Listen_Addresses: '*' } },
  { settings: { 'a=b -c x': '1' } },
  { port: 0 },
  { port: 70_000 },
  { user: `a"; drop` },
  { database: `x'y` },
]

for (const options of refusedOptions) {
  test(`the options ${JSON.stringify(options)} are refused before anything is made`, async () => {
    const dataDir = join(folder, 'never')
    await assert.rejects(start(dataDir, options), (error) => isPlinthError(error, 'InvalidOption'))
    assert.equal(existsSync(dataDir), false)
  })
}
