/** Compiled, never run: each line marked as an error must be one. */
import type { Database, OwnedTransaction, Queryable, ReadTransaction, Session, Transaction } from '../../src/index.ts'

declare const db: Database
declare const session: Session
declare const read: ReadTransaction
declare const tx: Transaction
declare const lookAlike: { [K in 'savepoint' | 'afterCommit' | 'afterRollback']: Transaction[K] }
declare const owned: OwnedTransaction

declare function service(tx: Transaction): void
declare function reader(tx: ReadTransaction): void
declare function runner(queryable: Queryable): void
declare function leave(scope: AsyncDisposable): void
declare function owner(tx: OwnedTransaction): void

export function whoMayPassWhat(): void {
  service(tx)
  service(owned)
  reader(tx)
  reader(read)
  for (const queryable of [db, session, read, tx, owned]) runner(queryable)
  owner(owned)
  // @ts-expect-error the root handle is no transaction
  service(db)
  // @ts-expect-error a session is no transaction
  service(session)
  // @ts-expect-error a read-only transaction cannot write
  service(read)
  const { savepoint, afterCommit, afterRollback } = lookAlike
  // @ts-expect-error what only looks like one is none
  service({ ...db, name: 'x', attempt: 1, signal: read.signal, savepoint, afterCommit, afterRollback })
  // @ts-expect-error the root handle is no read-only transaction either
  reader(db)
  // @ts-expect-error who is given a transaction does not own it
  owner(tx)
}

export async function whatIsNotThere(): Promise<void> {
  // @ts-expect-error ending it is its owner's
  await tx.commit()
  // @ts-expect-error ending it is its owner's
  await tx.rollback()
  // @ts-expect-error a transaction begins no other
  await tx.transaction(async () => 1)
  // @ts-expect-error a transaction begins no other
  await tx.begin()
  // @ts-expect-error a reader has no savepoints
  await read.savepoint(async () => 1)
  // @ts-expect-error a reader has no hooks
  read.afterCommit(() => undefined)
  // @ts-expect-error it is not disposable: leaving a service's scope must not roll back
  leave(tx)
  // @ts-expect-error the callback of read() gets no writer
  await db.read((inner: Transaction) => inner.query('select 1'))
  // @ts-expect-error begin() does not run again
  await db.begin({ retry: { attempts: 2 } })
  await db.transaction((inner) => inner.savepoint(async (deeper) => service(deeper)))
  const asText: readonly (string | null)[][] = (await tx.query('select 1', [], { rows: 'text' })).rows.map((row) => [
    ...row,
  ])
  // @ts-expect-error rows of text are lists, not objects
  void (await db.query('select 1 as n', [], { rows: 'text' })).rows[0]?.['n']
  void asText
  leave(owned)
  await owned.commit()
}
