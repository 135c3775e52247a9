import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { refusal, temporaryFolder } from './support/command.ts'

test('a file that is not there, or is no text, is told in one line before anything is made', async () => {
  const options = { cwd: temporaryFolder() }
  assert.match(await refusal(['dev', '--load', 'none.sql'], options), /none\.sql cannot be read: ENOENT/)
  writeFileSync(join(options.cwd, 'latin.sql'), Buffer.from([0x2d, 0x2d, 0xe9]))
  assert.match(await refusal(['dev', '--load', 'latin.sql'], options), /latin\.sql is not UTF-8 text/)
  writeFileSync(join(options.cwd, 'custom.sql'), 'PGDMP\x01')
  assert.match(await refusal(['dev', '--load', 'custom.sql'], options), /pg_dump --format=plain/)
  assert.ok(!existsSync(join(options.cwd, '.plinth')))
})
