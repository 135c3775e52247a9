/** Compiled, never run: each line marked as an error must be one. */
import { createDatabase } from '../../src/index.ts'
import type { Database, OwnedTransaction, Queryable, ReadTransaction, Session, Transaction } from '../../src/index.ts'

declare const db: Database
declare const session: Session
declare const read: ReadTransaction
declare const tx: Transaction
declare const lookAlike: { [K in keyof Transaction as K extends string ? K : never]: Transaction[K] }
declare const owned: OwnedTransaction
declare const dressedUp: Transaction &
  Pick<Database, typeof Symbol.asyncDispose> & { commit(): Promise<void>; rollback(): Promise<void> }
declare const streamless: Omit<Database, 'stream'>

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
  // @ts-expect-error what only looks like one is none
  service(lookAlike)
  // @ts-expect-error the root handle is no read-only transaction either
  reader(db)
  // @ts-expect-error who is given a transaction does not own it
  owner(tx)
  // @ts-expect-error nor does who adds the owner's methods to it
  owner(dressedUp)
  // @ts-expect-error a session is no reader
  reader(session)
  // @ts-expect-error a reader made by hand is none
  reader({ ...db, name: 'x', attempt: 1, signal: read.signal })
  // @ts-expect-error what cannot stream is no Queryable
  runner(streamless)
  // Who opens closes; who is given a transaction cannot.
  for (const opened of [db, session, owned]) leave(opened)
  // @ts-expect-error a reader is not disposable either
  leave(read)
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
  // @ts-expect-error a reader takes no locks
  await read.lock('x')
  // @ts-expect-error a reader does not commit
  await read.commit()
  // @ts-expect-error what commits by itself is the router's to begin
  await tx.independent(async () => 1)
  // @ts-expect-error a transaction opens no session
  await tx.session()
  // @ts-expect-error a service does not close the database
  await tx.close()
  // @ts-expect-error a session hands out no transaction to be kept
  await session.begin()
  // @ts-expect-error its transactions are begun by the callback alone
  await session.commit()
  // @ts-expect-error a lock is a text or a bigint
  await tx.lock(7)
  // @ts-expect-error misuse has two answers
  createDatabase({ url: 'postgres://localhost/x', misuse: 'warn' })
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

export async function whatRowsAre(): Promise<void> {
  for (const queryable of [db, session, read, tx, owned]) {
    const { id } = await queryable.one<{ id: number }>('select 1 as id')
    const perhaps: { id: number } | undefined = await queryable.maybeOne<{ id: number }>('select 1 as id')
    for await (const row of queryable.stream<{ id: number }>('select 1 as id', [], { batchRows: 10 })) row.id.toFixed()
    void [id.toFixed(), perhaps]
    // @ts-expect-error there may be none
    void (await queryable.maybeOne<{ id: number }>('select 1 as id')).id
    // @ts-expect-error a stream is read in a loop, not awaited as a list
    void queryable.stream('select 1').length
  }
  await db.independent((own) => own.savepoint(async (deeper) => service(deeper)))
  await db.transaction(async (inner) => inner.lock('key'), {
    retry: { attempts: 3, baseMs: 1, factor: 2, capMs: 10, retryable: (error) => error instanceof RangeError },
  })
}
