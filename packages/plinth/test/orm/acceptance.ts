import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDatabase } from '../../src/database/database.ts'
import { errorOf } from '../support/activity.ts'
import { chain, hasCode } from './errors.ts'
import type { OrmTransaction } from './orm.ts'
import type { Scene } from './scene.ts'

const conflict = `do $$ begin raise exception 'again' using errcode = '40001'; end $$`

/** The promises of transactions that every library keeps on `db.pgPool()`, unmodified. */
export function acceptOrm({ name, open, orm, proxy, url, saved }: Scene): void {
  test(`${name}: a transaction that ends well is saved, and one that throws is not`, async () => {
    await orm.transaction((tx) => tx.insert(1))
    await assert.rejects(
      orm.transaction(async (tx) => {
        await tx.insert(2)
        throw new Error('mine')
      }),
      { message: 'mine' },
    )
    assert.deepEqual(await saved(), [1])
  })

  test(`${name}: a swallowed error is an error of the transaction, and names the first failure`, async () => {
    const error = await errorOf(
      orm.transaction(async (tx) => {
        await tx.insert(1)
        await tx.insert(1).catch(() => undefined)
      }),
    )
    assert.ok(
      chain(error).some(({ code }) => code === 'TransactionAborted'),
      String(error),
    )
    assert.ok(chain(error).some(({ code }) => code === '23505'))
    assert.deepEqual(await saved(), [])
  })

  test(`${name}: the late branch of a Promise.all cannot write any more`, async () => {
    const gate = Promise.withResolvers<void>()
    let late: Promise<unknown> = Promise.resolve()
    await assert.rejects(
      orm.transaction(async (tx) => {
        late = gate.promise.then(() => tx.insert(2))
        late.catch(() => undefined)
        await Promise.all([tx.run('select 1 / 0'), late])
      }),
    )
    gate.resolve()
    await assert.rejects(late)
    assert.deepEqual(await saved(), [])
  })

  test(`${name}: a transaction kept past its end cannot write any more`, async () => {
    let kept: OrmTransaction | undefined
    await orm.transaction(async (tx) => {
      kept = tx
      await tx.insert(1)
    })
    await assert.rejects(kept?.insert(2) ?? assert.fail('it was never begun'))
    assert.deepEqual(await saved(), [1])
  })

  test(`${name}: a statement nobody awaited is saved with its transaction or not at all`, async () => {
    const outcome = await orm
      .transaction(async (tx) => {
        await tx.insert(1)
        tx.insert(2).catch(() => undefined)
      })
      .then(
        () => 'resolved',
        () => 'rejected',
      )
    const rows = JSON.stringify(await saved())
    assert.ok(outcome === 'resolved' ? rows === '[1,2]' || rows === '[1]' : rows === '[]', `${outcome} with ${rows}`)
  })

  test(`${name}: a serialization failure comes out with its SQLSTATE`, async () => {
    const error = await errorOf(orm.transaction((tx) => tx.run(conflict)))
    assert.ok(chain(error).some(hasCode('40001')), String(error))
  })

  test(`${name}: a backend killed in the middle is an error, and the next transaction works`, async () => {
    const error = await errorOf(
      orm.transaction(async (tx) => {
        await tx.insert(1)
        await tx.run('select pg_terminate_backend(pg_backend_pid())')
        await tx.insert(2)
      }),
    )
    assert.ok(error)
    await orm.transaction((tx) => tx.insert(3))
    assert.deepEqual(await saved(), [3])
  })

  test(`${name}: a COMMIT whose answer is lost is a success`, async () => {
    await orm.transaction(async (tx) => {
      await tx.insert(1)
      void proxy.loseCommit('answer')
    })
    assert.deepEqual(await saved(), [1])
  })

  test(`${name}: a COMMIT that never arrived is an error, and nothing is saved`, async () => {
    const error = await errorOf(
      orm.transaction(async (tx) => {
        await tx.insert(1)
        void proxy.loseCommit('request')
      }),
    )
    assert.ok(
      chain(error).some(({ code }) => code === 'ConnectionLost'),
      String(error),
    )
    assert.deepEqual(await saved(), [])
  })

  test(`${name}: a nested transaction that fails is undone alone`, async (t) => {
    const isThere = await orm.transaction(async (tx) => {
      await tx.insert(1)
      await tx
        .nested?.(async (inner) => {
          await inner.insert(2)
          await inner.insert(2)
        })
        .catch(() => undefined)
      return tx.nested !== undefined
    })
    if (isThere === false) return t.diagnostic(`${name} has no nested transactions`)
    return assert.deepEqual(await saved(), [1])
  })

  test(`${name}: the root handle inside a transaction on a full pool is an error, and hangs nobody`, async () => {
    const small = createDatabase({ url, pool: { max: 1, acquireTimeoutMs: 2000 } })
    const own = await open(small.pgPool())
    const error = await errorOf(
      own.transaction(async (tx) => {
        await tx.insert(1)
        await own.insert(2)
      }),
    )
    assert.ok(chain(error).some(hasCode('PoolTimeout', 'PoolSelfDeadlock')), String(error))
    await own.insert(3)
    assert.deepEqual(await saved(), [3])
    await own.close()
    await small.close()
  })
}
