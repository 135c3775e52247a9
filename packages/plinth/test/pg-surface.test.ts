import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import manifest from 'pg/package.json' with { type: 'json' }
import { loadPg } from '../src/driver/peer.ts'

// One file, one process: what is taken from pg here is missing for nobody else.
test('a pg without a part that Plinth stands on is refused by its version, once, before a connection is opened', () => {
  const sync: unknown = Reflect.get(pg.Connection.prototype, 'sync')
  const { TypeOverrides } = pg
  Reflect.deleteProperty(pg.Connection.prototype, 'sync')
  assert.throws(loadPg, {
    code: 'MissingPeer',
    message: `pg ${manifest.version} lacks what Plinth stands on: Connection.sync. Run: npm install pg@^8.23.1`,
  })
  Reflect.set(pg.Connection.prototype, 'sync', sync)

  Reflect.deleteProperty(pg, 'TypeOverrides')
  assert.throws(loadPg, { code: 'MissingPeer', message: /: TypeOverrides\./ })
  Reflect.set(pg, 'TypeOverrides', TypeOverrides)

  assert.equal(loadPg(), Reflect.get(pg, 'default') ?? pg)
})
