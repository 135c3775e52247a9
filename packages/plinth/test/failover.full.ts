import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { createDatabase } from '../src/database/database.ts'
import { startServerProcess } from '../src/testing/server-process.ts'
import { until } from './support/activity.ts'
import { ask, temporaryFolder } from './support/embedded.ts'

const folder = temporaryFolder()

test('connections go to the primary, and to the promoted standby when it is killed', async () => {
  await using primary = await startServerProcess({ dataDir: join(folder, 'primary'), settings: {} })
  await ask(primary.url, 'create table t (id int)')
  await using standby = await primary.standby(join(folder, 'standby'))
  const isThere = async (): Promise<boolean> => (await ask(standby.url, `select to_regclass('t') as t`)).length === 1
  await until(isThere)
  const [one, two] = [new URL(primary.url), new URL(standby.url)]
  // The standby first: it is passed over.
  const both = primary.url.replace(one.host, `${two.host},${one.host}`)
  await using db = createDatabase({ url: both, pool: { max: 4, acquireTimeoutMs: 30_000 } })
  const port = async (): Promise<unknown> =>
    db.transaction(
      async (tx) => {
        await tx.query('insert into t values (1)')
        return (await tx.one('select inet_server_port() as port'))['port']
      },
      { timeoutMs: 60_000 },
    )
  assert.equal(await port(), primary.port)
  await primary.stop('kill')
  const waiting = Promise.all(Array.from({ length: 20 }, port))
  await standby.promote()
  assert.deepEqual(new Set(await waiting), new Set([standby.port]))
})
