import { after, beforeEach } from 'node:test'
import type { Pool } from 'pg'
import { createDatabase } from '../../src/database/database.ts'
import type { FaultProxy } from '../../src/testing/fault-proxy.ts'
import { type Activity, watchActivity } from '../support/activity.ts'
import { testDatabase } from '../support/database.ts'
import { startProxy } from '../support/proxy.ts'
import type { Orm } from './orm.ts'

export type Open = (pool: Pool) => Promise<Orm>

/** One library on a database of three connections, behind a proxy; table `item` is empty before each test. */
export interface Scene {
  readonly name: string
  readonly open: Open
  readonly orm: Orm
  readonly proxy: FaultProxy
  readonly activity: Activity
  /** Of the database itself, past the proxy. */
  readonly url: string
  /** Ids of the rows that are there. */
  readonly saved: () => Promise<unknown>
}

export async function setScene(name: string, open: Open): Promise<Scene> {
  const { url } = await testDatabase({ script: 'create table item (id int primary key, name text)' })
  const activity = await watchActivity(url)
  const proxy = await startProxy(url)
  const db = createDatabase({ url: proxy.url, pool: { max: 3, sharedLanes: 0, acquireTimeoutMs: 20_000 } })
  const orm = await open(db.pgPool())
  after(() => activity.close())
  after(() => proxy[Symbol.asyncDispose]())
  after(async () => {
    await orm.close()
    await db.close()
  })
  beforeEach(() => activity.query('truncate item'))
  const saved = async (): Promise<unknown> =>
    (await activity.query('select id from item order by id')).map(({ id }) => id)
  return { name, open, orm, proxy, activity, url, saved }
}
